// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The scenarios that make each alert fire. Each injects the smallest fault that the alert detects, and keeps it until
 * the alert has fired, so that the tests do not depend on the speed of the machine.
 */
import type { ServiceNode } from '../faults/rig.ts';
import { batchStatement } from '../faults/rows/service.ts';
import type { SharedRabbitMq } from '../faults/shared-rabbitmq.ts';
import { lastFor } from '../support/last-for.ts';
import { get, RawConnection } from '../support/raw-connection.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { runToEnd } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { scenariosAfterClaims } from './after-claims.ts';
import { scenariosOfHealth } from './health.ts';
import { scenariosOfManyNodes } from './many-nodes.ts';
import { scenariosOfQueue } from './queue.ts';
import { claimKey, type Shop } from './shop.ts';
import { until } from './until.ts';

/** The environment of a scenario. */
export type ScenarioContext = {
  node: ServiceNode;
  /** Takes part in sagas, receives events and has the keys of user tokens. */
  shop: Shop;
  redis: RedisServer;
  rabbitMq: SharedRabbitMq;
  /** Runs a statement on the database without the service. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Whether this query returns a series now. */
  holds(promql: string): Promise<boolean>;
  /** The history file of the drill. */
  historyFile: string;
  /** Aborts after the alert has fired, or after the wait for it has failed. */
  over: AbortSignal;
};

/** Injects a fault until `over` aborts, and removes it before it resolves. */
export type Scenario = (context: ScenarioContext) => Promise<void>;

const slowCommitMs = 350;
// More than twice what such slow commits can decide, and half of the offered load.
const calmDecisions = 150;
const calmMsMax = 40_000;
// Each block lasts half a second; between two blocks the service answers a scrape.
const blockEveryMs = 1200;
const refuseEveryMs = 200;
// Ten times the size of the pool, at random times, so that some always wait.
const readersMax = 40;
const pauseMsMax = 100;
/** Connections of clients that the service may have open. */
export const connectionsMax = 1000;
// More than the alert tolerates, and less than the service does.
const idleShare = 0.85;

/** The scenario of each alert about the service and its database. */
export const scenariosOfService: Record<string, Scenario> = {
  ...scenariosOfHealth,

  FirstcomeDifferences: (context) =>
    withDrill(context, async ({ node, query, over }) => {
      await query('create table kept as select * from claims limit 0');
      const takeOne = async () => {
        await query('insert into kept select * from claims order by coupon_id, position limit 1');
        return over.aborted || (await query('select from kept')).length > 0;
      };
      await waitFor('claim', takeOne);
      const [coupon] = await query('select name from coupons join kept on id = coupon_id');
      await query('delete from claims using kept where claims.claim_id = kept.claim_id');
      await until(over);
      await query('insert into claims select * from kept');
      await query('drop table kept');
      // The alert refers to the log, and the log names the coupon.
      const line = node.output().match(/.*ledger of these coupons disagree.*/)?.[0] ?? '';
      if (!line.includes(`"${coupon?.name}"`)) throw new Error(`the log does not name it: ${line}`);
    }),

  // The lock must have no gap: one step of the check would end the alert.
  FirstcomeStockCheckStalled: (context) => withLockedTable('stock_ledger', context),

  FirstcomeHoldsOverdue: async ({ node, query, over }) => {
    const post = (path: string, body: object, key?: string) =>
      fetch(`${node.url}${path}`, {
        ...{ method: 'POST', body: JSON.stringify(body) },
        headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      });
    await post('/api/coupons', { name: 'held', amount: 1 });
    await post('/api/coupons/claim', { coupon_name: 'held', user_id: 'ada' }, claimKey);
    await query(`update coupons set hold_seconds = 1 where name = 'held'`);
    const lock = 'begin; select from coupons where hold_seconds = 1 for update';
    const held = query(`${lock}; select pg_sleep(600)`).catch(() => undefined);
    const free = 'select from coupons where hold_seconds = 1 for update skip locked';
    await waitFor('locked coupon', async () => (await query(free)).length === 0);
    await query(`update claims set expires_at = now()
      where coupon_id = (select id from coupons where name = 'held')`);
    await until(over);
    await query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '${lock}%'`,
    );
    await held;
  },

  FirstcomeBatchesInDoubt: (context) =>
    withDrill(context, async ({ node, over }) => {
      await loseOneAnswer(node, over);
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

  FirstcomeDatabaseDown: (context) =>
    withDrill(context, async ({ node, over }) => {
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

  FirstcomeHistoryLost: async ({ node, query, over }) => {
    // As another process stores what it has found.
    await query(`insert into lost_batches
      (batch_id, coupon_name, claims, changes, user_id, position, acknowledged_at, found_at, found_by)
      values (gen_random_uuid(), 'lost', 1, 0, 'ada', 1, now(), now(), 'another/1')`);
    await until(over);
    const lost = await fetch(`${node.url}/api/lost-history`);
    const { found_until } = (await lost.json()) as { found_until: string };
    const accepted = await fetch(`${node.url}/api/lost-history/accept`, {
      ...{ method: 'POST', body: JSON.stringify({ found_until }) },
    });
    if (accepted.status !== 200) throw new Error(`accept-history: ${accepted.status}`);
  },

  FirstcomeDatabaseRefuses: async ({ node, query, over }) => {
    const create = (name: string) =>
      fetch(`${node.url}/api/coupons`, {
        method: 'POST',
        body: JSON.stringify({ name, amount: 1 }),
      }).then(({ status }) => status);
    await create('first of its id');
    for (let count = 0; !over.aborted; count += 1) {
      await query('alter table coupons alter column id restart with 1');
      await create(`refused ${count}`);
      await lastFor(refuseEveryMs);
    }
    // The alert refers to the log, and the log has the statement that fixes the fault.
    const remedy = /"remedy":"(select setval.*?;)"/.exec(node.output())?.[1];
    if (remedy === undefined) throw new Error('the log has no remedy');
    await query(remedy);
    const status = await create('not refused');
    if (status !== 201) throw new Error(`the remedy does not help: ${status}`);
  },

  FirstcomeGoodputFalls: (context) =>
    withDrill(context, async ({ node, over, holds }) => {
      const isUsual = () => over.aborted || holds(`firstcome:decisions:rate1m > ${calmDecisions}`);
      await waitFor('usual goodput', isUsual, { timeoutMs: calmMsMax, everyMs: 100 });
      await withSlowCommits(node, over);
    }),

  FirstcomeCommitsSlow: (context) =>
    withDrill(context, ({ node, over }) => withSlowCommits(node, over)),

  FirstcomePoolExhausted: async (context) => {
    const { node, over } = context;
    const read = async () => {
      while (!over.aborted) {
        const answer = await fetch(`${node.url}/api/coupons`).catch(() => undefined);
        await answer?.arrayBuffer().catch(() => undefined);
        await lastFor(Math.random() * pauseMsMax);
      }
    };
    const readers = Array.from({ length: readersMax }, read);
    await withLockedTable('coupons', context);
    await Promise.all(readers);
  },

  FirstcomeEventLoopBlocked: async ({ node, over }) => {
    while (!over.aborted) {
      node.signal('SIGUSR2');
      await lastFor(blockEveryMs);
    }
  },

  FirstcomeConnectionsNearLimit: async ({ node, over }) => {
    const port = Number(new URL(node.url).port);
    const idle: RawConnection[] = [];
    while (idle.length < connectionsMax * idleShare && !over.aborted) {
      const connection = await RawConnection.open(port);
      await connection.send(get('/livez'));
      idle.push(connection);
    }
    await until(over);
    for (const connection of idle) connection.end();
  },

  FirstcomeDown: async ({ node, over }) => {
    node.kill();
    await node.gone();
    await until(over);
    await node.start();
  },
};

/** The scenario of each alert. */
export const scenarios: Record<string, Scenario> = {
  ...{ ...scenariosAfterClaims, ...scenariosOfManyNodes },
  ...{ ...scenariosOfQueue, ...scenariosOfService },
};

/** Breaks the connection of the next batch after the database has answered it. */
export async function loseOneAnswer({ proxy }: ServiceNode, over: AbortSignal): Promise<void> {
  const lost = new Promise<void>((resolve) => {
    proxy.afterCut = () => {
      proxy.heal();
      resolve();
    };
    proxy.cutWhen = (piece) =>
      batchStatement.test(piece.toString('latin1')) ? 'before_reply' : undefined;
  });
  await Promise.race([lost, until(over)]);
  proxy.heal();
}

/** Resolves when a batch is sent: the drill has created its coupon by then. */
function firstBatch({ proxy }: ServiceNode): Promise<void> {
  return new Promise((resolve) => {
    proxy.cutWhen = (piece) => {
      if (batchStatement.test(piece.toString('latin1'))) resolve();
      return undefined;
    };
  });
}

// A whole scenario has less.
const drillEndMsMax = 300_000;

/** Runs a drill with one unit per user and a short client timeout. */
export async function drill(
  { node, historyFile }: Pick<ScenarioContext, 'node' | 'historyFile'>,
  options: { scenario: string; rate: number; seconds: number },
  over?: AbortSignal,
): Promise<void> {
  const { scenario, rate, seconds } = options;
  const users = String(rate * seconds);
  const args = [
    ...['drill', scenario, '--url', node.url, '--no-audit', '--history', historyFile],
    ...['--rate', String(rate), '--seconds', String(seconds), '--timeout', '1500'],
    ...['--users', users, '--units', users],
  ];
  const { output } = await runToEnd({ CLAIM_API_KEY: claimKey }, args, {
    limitMs: drillEndMsMax,
    ...(over && { over }),
  });
  if (over !== undefined && !over.aborted) throw new Error(`the drill ended too early:\n${output}`);
}

const drillRate = 300;
// Longer than any test; the test ends the drill.
const drillSecondsMax = 300;

async function withDrill(context: ScenarioContext, fault: Scenario): Promise<void> {
  const options = { scenario: 'flash-sale', rate: drillRate, seconds: drillSecondsMax };
  const crowd = drill(context, options, context.over);
  await Promise.race([firstBatch(context.node), crowd]);
  await Promise.all([crowd, fault(context)]);
}

/** Delays every commit until `over` aborts. */
export async function withSlowCommits(node: ServiceNode, over: AbortSignal): Promise<void> {
  node.proxy.slowWhen = (piece, direction) =>
    direction === 'toServer' && batchStatement.test(piece.toString('latin1'))
      ? { delayMs: slowCommitMs }
      : undefined;
  await until(over);
  node.proxy.heal();
}

/** Blocks all reads of the table until `over` aborts. */
async function withLockedTable(table: string, { query, over }: ScenarioContext): Promise<void> {
  const lock = `lock table ${table} in access exclusive mode`;
  const held = query(`${lock}; select pg_sleep(600)`).catch(() => undefined);
  await until(over);
  await query(`select pg_terminate_backend(pid) from pg_stat_activity where query like '${lock}%'`);
  await held;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What provokes each alert: the trouble that it is there for, as small as it can be had. Each lasts until the alert has
 * fired, so that no alert depends on how fast the machine is.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceNode } from '../faults/rig.ts';
import { claimStatement } from '../faults/rows/service.ts';
import { runToEnd } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a scenario may break. */
export type Place = {
  node: ServiceNode;
  /** Rows of a statement, behind the service's back. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Whether Prometheus finds a series for this now. */
  holds(promql: string): Promise<boolean>;
  /** Where the drill writes what its clients saw. */
  historyFile: string;
  /** Aborts when the alert has fired, or when it never did. */
  over: AbortSignal;
};

/** Makes trouble until `over`, and sets everything right again before it settles. */
export type Scenario = (place: Place) => Promise<void>;

const slowCommitMs = 350;
// More than twice what commits that slow can decide, and half of what the crowd asks for.
const calmDecisions = 150;
const calmMsMax = 40_000;
// The event loop stands still for half a second each time; in between it answers a scrape.
const blockEveryMs = 1200;
const refuseEveryMs = 200;
// Ten times what the pool has, each at another moment: some wait at every one of them.
const readersMax = 40;
const pauseMsMax = 100;

/** Every alert, and what provokes it. */
export const scenarios: Record<string, Scenario> = {
  FirstcomeDifferences: (place) =>
    withDrill(place, async ({ node, query, over }) => {
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
      // The alert leads to the log, and the log to the coupon.
      const line = node.output().match(/.*ledger of these coupons disagree.*/)?.[0] ?? '';
      if (!line.includes(`"${coupon?.name}"`)) throw new Error(`the log does not name it: ${line}`);
    }),

  // Without a gap: one step in between is enough for the check to count as alive.
  FirstcomeCheckStandsStill: (place) => withLockedTable('stock_ledger', place),

  FirstcomeBatchesUnsettled: (place) =>
    withDrill(place, async ({ node, over }) => {
      await loseOneAnswer(node, over);
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

  FirstcomeDatabaseDown: (place) =>
    withDrill(place, async ({ node, over }) => {
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

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
      await delay(refuseEveryMs);
    }
    // The alert leads to the log, and the log to the statement that helps.
    const remedy = /"remedy":"(select setval.*?;)"/.exec(node.output())?.[1];
    if (remedy === undefined) throw new Error('the log has no remedy');
    await query(remedy);
    const status = await create('not refused');
    if (status !== 201) throw new Error(`the remedy does not help: ${status}`);
  },

  FirstcomeGoodputFalls: (place) =>
    withDrill(place, async ({ node, over, holds }) => {
      const isUsual = () => over.aborted || holds(`firstcome:decisions:rate1m > ${calmDecisions}`);
      await waitFor('usual goodput', isUsual, { timeoutMs: calmMsMax, everyMs: 100 });
      await withSlowCommits(node, over);
    }),

  FirstcomeCommitsSlow: (place) =>
    withDrill(place, ({ node, over }) => withSlowCommits(node, over)),

  FirstcomePoolExhausted: async (place) => {
    const { node, over } = place;
    const read = async () => {
      while (!over.aborted) {
        const answer = await fetch(`${node.url}/api/coupons`).catch(() => undefined);
        await answer?.arrayBuffer().catch(() => undefined);
        await delay(Math.random() * pauseMsMax);
      }
    };
    const readers = Array.from({ length: readersMax }, read);
    await withLockedTable('coupons', place);
    await Promise.all(readers);
  },

  FirstcomeEventLoopBlocked: async ({ node, over }) => {
    while (!over.aborted) {
      node.signal('SIGUSR2');
      await delay(blockEveryMs);
    }
  },

  FirstcomeDown: async ({ node, over }) => {
    node.kill();
    await node.gone();
    await until(over);
    await node.start();
  },
};

/** Breaks the connection of the next batch when the database has answered it. */
export async function loseOneAnswer({ proxy }: ServiceNode, over: AbortSignal): Promise<void> {
  const lost = new Promise<void>((resolve) => {
    proxy.afterCut = () => {
      proxy.heal();
      resolve();
    };
    proxy.cutWhen = (piece) =>
      claimStatement.test(piece.toString('latin1')) ? 'before_reply' : undefined;
  });
  await Promise.race([lost, until(over)]);
  proxy.heal();
}

/** Settles when a batch is on its way: the drill has its coupon by then. */
function firstBatch({ proxy }: ServiceNode): Promise<void> {
  return new Promise((resolve) => {
    proxy.cutWhen = (piece) => {
      if (claimStatement.test(piece.toString('latin1'))) resolve();
      return undefined;
    };
  });
}

/** A drill with a unit for each user, whose clients give up early. */
export async function drill(
  { node, historyFile }: Pick<Place, 'node' | 'historyFile'>,
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
  const { output } = await runToEnd({}, args, over);
  if (over !== undefined && !over.aborted) throw new Error(`the drill ended too early:\n${output}`);
}

const drillRate = 300;
// Longer than any test lasts: it is ended when it has served.
const drillSecondsMax = 300;

async function withDrill(place: Place, trouble: Scenario): Promise<void> {
  const options = { scenario: 'flash-sale', rate: drillRate, seconds: drillSecondsMax };
  const crowd = drill(place, options, place.over);
  await Promise.race([firstBatch(place.node), crowd]);
  await Promise.all([crowd, trouble(place)]);
}

/** Lets every commit take long until `over`. */
export async function withSlowCommits(node: ServiceNode, over: AbortSignal): Promise<void> {
  node.proxy.slowWhen = (piece, direction) =>
    direction === 'toServer' && claimStatement.test(piece.toString('latin1'))
      ? { delayMs: slowCommitMs }
      : undefined;
  await until(over);
  node.proxy.heal();
}

/** Lets nobody read the table until `over`. */
async function withLockedTable(table: string, { query, over }: Place): Promise<void> {
  const lock = `lock table ${table} in access exclusive mode`;
  const held = query(`${lock}; select pg_sleep(600)`).catch(() => undefined);
  await until(over);
  await query(`select pg_terminate_backend(pid) from pg_stat_activity where query like '${lock}%'`);
  await held;
}

async function until(over: AbortSignal): Promise<void> {
  if (!over.aborted) {
    await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
  }
}

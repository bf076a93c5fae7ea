// SPDX-License-Identifier: GPL-3.0-or-later
/** What provokes each alert: the trouble that it is there for, as small as it can be had. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceNode } from '../faults/rig.ts';
import { claimStatement } from '../faults/rows/service.ts';
import { runToEnd } from '../support/service-process.ts';

/** What a scenario may break. */
export type Place = {
  node: ServiceNode;
  /** Rows of a statement, behind the service's back. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Where the drill writes what its clients saw. */
  historyFile: string;
  /** Aborts when the alert has fired, or when it never did. */
  over: AbortSignal;
};

/** Makes trouble until `over`, and sets everything right again before it settles. */
export type Scenario = (place: Place) => Promise<void>;

const slowCommitMs = 350;
// The event loop stands still for half a second each time; in between it answers a scrape.
const blockEveryMs = 1700;
const readsMax = 16;

/** Every alert, and what provokes it. */
export const scenarios: Record<string, Scenario> = {
  FirstcomeDifferences: async ({ query, over }) => {
    await query(`
      create table kept as select * from claims order by coupon_id, position limit 1`);
    await query('delete from claims using kept where claims.claim_id = kept.claim_id');
    await until(over);
    await query('insert into claims select * from kept');
    await query('drop table kept');
  },

  FirstcomeCheckStandsStill: async ({ query, over }) => {
    // Without a gap: one step in between is enough for the check to count as alive.
    const held = query(
      'lock table stock_ledger in access exclusive mode; select pg_sleep(60)',
    ).catch(() => undefined);
    await until(over);
    await query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`);
    await held;
  },

  FirstcomeBatchesUnsettled: (place) =>
    withDrill(place, 10, async ({ node, over }) => {
      await loseOneAnswer(node);
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

  FirstcomeDatabaseDown: (place) =>
    withDrill(place, 6, async ({ node, over }) => {
      await node.proxy.refuse();
      await until(over);
      await node.proxy.accept();
    }),

  FirstcomeGoodputFalls: (place) =>
    withDrill(place, 18, async ({ node, over }) => {
      await delay(calmMs);
      await withSlowCommits(node, over);
    }),

  FirstcomeCommitsSlow: (place) =>
    withDrill(place, 14, ({ node, over }) => withSlowCommits(node, over)),

  FirstcomePoolExhausted: async ({ node, query, over }) => {
    const read = async () => {
      while (!over.aborted) {
        const answer = await fetch(`${node.url}/api/coupons`).catch(() => undefined);
        await answer?.arrayBuffer();
      }
    };
    const reads = Array.from({ length: readsMax }, read);
    while (!over.aborted) {
      await query('lock table coupons in access exclusive mode; select pg_sleep(2)');
    }
    await Promise.all(reads);
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

// As long as the goodput alert needs to know what is usual.
const calmMs = 5000;

/** Breaks the connection of the next batch when the database has answered it. */
export async function loseOneAnswer({ proxy }: ServiceNode): Promise<void> {
  await new Promise<void>((resolve) => {
    proxy.afterCut = () => {
      proxy.heal();
      resolve();
    };
    proxy.cutWhen = (piece) =>
      claimStatement.test(piece.toString('latin1')) ? 'before_reply' : undefined;
  });
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

/** A drill with a unit for each user, whose clients give up early; settles when it has ended. */
export function drill(
  { node, historyFile }: Pick<Place, 'node' | 'historyFile'>,
  options: { scenario: string; rate: number; seconds: number },
): Promise<unknown> {
  const { scenario, rate, seconds } = options;
  const users = String(rate * seconds);
  return runToEnd({}, [
    ...['drill', scenario, '--url', node.url, '--no-audit', '--history', historyFile],
    ...['--rate', String(rate), '--seconds', String(seconds), '--timeout', '1500'],
    ...['--users', users, '--units', users],
  ]);
}

const drillRate = 300;

async function withDrill(place: Place, seconds: number, trouble: Scenario): Promise<void> {
  const crowd = drill(place, {
    ...{ scenario: 'flash-sale', rate: drillRate, seconds },
  });
  await firstBatch(place.node);
  await trouble(place);
  await crowd;
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

async function until(over: AbortSignal): Promise<void> {
  if (!over.aborted) {
    await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the guard that compares the database with the batches that were acknowledged. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresLostHistory } from '../adapters/postgres/history/lost-history-store.ts';
import { pooledHistoryConnection } from '../adapters/postgres/history/pooled-history-connection.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { nodeId } from '../adapters/system/node-id.ts';
import type { Health } from '../core/health.ts';
import { AcknowledgedBatches } from '../core/history/acknowledged-batches.ts';
import { HistoryGuard } from '../core/history/history-guard.ts';
import type { HistoryLog, LostHistoryStore, SharedBatches } from '../core/history/ports.ts';

const checkMs = 1_000;
const publishMs = 250;
// Redis may lose what it has, as at a restart.
const republishMs = 10_000;
const [redisWaitMs, redisTryMs] = [1_000, 50];

/** Creates the guard of a process. Both of its pools are opened with it. */
export function createHistoryGuard(options: {
  /** Undefined without Redis. */
  shared?: SharedBatches | undefined;
  /** How long a claim waits for its outcome. */
  claimTimeoutMs: number;
  log: HistoryLog;
}): HistoryGuard {
  const { shared, claimTimeoutMs, log } = options;
  return new HistoryGuard({
    ...{ batches: new AcknowledgedBatches(Date.now), node: nodeId(), clock: systemClock },
    ...{ shared, answerMsMax: 2 * claimTimeoutMs, log },
  });
}

/**
 * Shares what this process acknowledges with all processes, some times a second. Returns what shares the last of it and stops.
 * Both wait up to a second for Redis: what other processes had acknowledged is looked up on the first connection, and after the
 * end of this process nothing else knows the last of it.
 */
export async function shareAcknowledged(
  { batches }: HistoryGuard,
  shared: SharedBatches,
): Promise<() => Promise<void>> {
  await untilDone(async () => (await shared.read()) !== undefined);
  let published = { count: 0, atMs: systemClock.nowMs() };
  let publishing: Promise<boolean> | undefined;
  const publish = async (): Promise<boolean> => {
    const { count } = batches;
    const isDone = await shared.publish(batches.list());
    if (isDone) published = { count, atMs: systemClock.nowMs() };
    return isDone;
  };
  const stop = systemClock.every(publishMs, () => {
    const isOld = batches.count > 0 && systemClock.nowMs() - published.atMs >= republishMs;
    if (publishing !== undefined || (batches.count === published.count && !isOld)) return;
    publishing = publish().finally(() => {
      publishing = undefined;
    });
  });
  return async () => {
    stop();
    await publishing;
    if (batches.count > 0) await untilDone(publish);
  };
}

/** Repeats an attempt at Redis until it is done, at most for a second. */
async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
  const giveUpMs = systemClock.nowMs() + redisWaitMs;
  while (!(await attempt()) && systemClock.nowMs() < giveUpMs) await systemClock.sleep(redisTryMs);
}

/** Checks the server once a second, and finds what other processes have found, until the returned function is called. */
export function watchHistory(guard: HistoryGuard, database: Database): () => void {
  const connection = pooledHistoryConnection(database, guard.node);
  let isChecking = false;
  return systemClock.every(checkMs, () => {
    if (isChecking) return;
    isChecking = true;
    // While the database is away, the log of outages says so.
    guard
      .checkAgain(connection)
      .catch(() => undefined)
      .finally(() => {
        isChecking = false;
      });
  });
}

/** Reads and accepts a loss. This process serves calls again at once, the others when they check next. */
export function lostHistoryOf(database: Database, guard: HistoryGuard): LostHistoryStore {
  const store = postgresLostHistory(database);
  const connection = pooledHistoryConnection(database, guard.node);
  return {
    ...store,
    async accept(foundUntil, by) {
      const accepted = await store.accept(foundUntil, by);
      await guard.checkAgain(connection).catch(() => undefined);
      return accepted;
    },
  };
}

/** The same check, which knows why calls are refused. */
export function withHistory(
  checkHealth: () => Promise<Health>,
  guard: HistoryGuard,
): () => Promise<Health> {
  return async () => {
    const health = await checkHealth();
    // A commit that stalls besides is the smaller problem.
    if (!guard.isLost || health.reason === 'installation_changed') return health;
    return { ...health, healthy: false, reason: 'history_lost' };
  };
}

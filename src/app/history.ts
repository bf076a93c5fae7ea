// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the guard that compares the database with the batches that were acknowledged. */
import type { Database } from '../adapters/postgres/database.ts';
import { pooledHistoryConnection } from '../adapters/postgres/history/history-connection.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { nodeId } from '../adapters/system/node-id.ts';
import type { Health } from '../core/health.ts';
import { AcknowledgedBatches } from '../core/history/acknowledged-batches.ts';
import { HistoryGuard } from '../core/history/history-guard.ts';
import type { HistoryLog, SharedBatches } from '../core/history/ports.ts';

const checkMs = 1_000;

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

/** The same check, which knows why calls are refused. */
export function withHistory(
  checkHealth: () => Promise<Health>,
  guard: HistoryGuard,
): () => Promise<Health> {
  return async () => {
    const health = await checkHealth();
    if (!guard.isLost || health.reason !== undefined) return health;
    return { ...health, healthy: false, reason: 'history_lost' };
  };
}

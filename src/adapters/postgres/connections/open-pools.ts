// SPDX-License-Identifier: GPL-3.0-or-later
import type { DurabilityMin } from '../../../core/health.ts';
import type { HistoryGuard } from '../../../core/history/history-guard.ts';
import type { TraceStatement } from '../../../core/tracing.ts';
import { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import type { DatabaseLocation } from './connection-source.ts';

/** The sizes of both pools, and their timeouts in milliseconds. */
export type PoolOptions = DatabaseLocation & {
  /** Connections that decide batches, which is how many batches can be in progress. */
  claimConnections: number;
  /** Connections for everything else. */
  queryConnections: number;
  connectTimeoutMs: number;
  lockTimeoutMs: number;
  statementTimeoutMs: number;
  /** How long a connection is used, give or take a tenth; 0 or undefined: without a limit. */
  connectionLifetimeMs?: number;
  /** Commits that are less durable are refused; undefined: none. */
  durabilityMin?: DurabilityMin | undefined;
  /** How long a claim waits for its outcome. */
  claimTimeoutMs: number;
  /** Undefined: any installation is accepted, as in a test of a single part. */
  installation?: InstallationWatch | undefined;
  /** Undefined: no acknowledged batch is looked up. */
  history?: HistoryGuard | undefined;
  onIdleConnectionLost(error: Error): void;
  /** Undefined: statements are not traced. */
  trace?: TraceStatement | undefined;
};

// The server cancels a statement before the service gives it up: a refusal is definite, a closed connection is not.
const serverShare = 0.8;

/** Opens two pools, so that batches and reads never wait for each other's connections. */
export function openPools(options: PoolOptions): { forBatches: Database; forQueries: Database } {
  // The first try gets half of a claim's time; the other half is left to resolve the batch if its answer is lost.
  const batchAnswerMs = Math.floor(options.claimTimeoutMs / 2);
  // A claim that gets no connection is refused before its own timeout.
  const connectTimeoutMs = Math.min(options.connectTimeoutMs, batchAnswerMs);
  const { installation, history } = options;
  const queryAnswerMs = Math.min(options.statementTimeoutMs, options.claimTimeoutMs);
  return {
    forBatches: new Database({
      ...options,
      connectTimeoutMs,
      connectionsMax: options.claimConnections,
      session: { writes: true, installation, history },
      ...timeouts(options, batchAnswerMs),
    }),
    forQueries: new Database({
      ...options,
      connectTimeoutMs,
      connectionsMax: options.queryConnections,
      session: { installation, history },
      ...timeouts(options, queryAnswerMs),
    }),
  };
}

function timeouts({ statementTimeoutMs }: PoolOptions, answerTimeoutMs: number) {
  return {
    answerTimeoutMs,
    statementTimeoutMs: Math.min(statementTimeoutMs, Math.floor(answerTimeoutMs * serverShare)),
  };
}

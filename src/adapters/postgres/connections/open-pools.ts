// SPDX-License-Identifier: GPL-3.0-or-later
import type { TraceStatement } from '../../../core/tracing.ts';
import { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import type { DatabaseLocation } from './connection-source.ts';

/** How many connections, and how long to wait for what; all times in milliseconds. */
export type PoolOptions = DatabaseLocation & {
  /** Connections that decide batches: as many batches can be under way. */
  claimConnections: number;
  /** Connections for everything else. */
  queryConnections: number;
  connectTimeoutMs: number;
  lockTimeoutMs: number;
  statementTimeoutMs: number;
  /** How long a connection is used, give or take a tenth; 0 or undefined: without a limit. */
  connectionLifetimeMs?: number;
  /** The time that a claim has in all. */
  claimTimeoutMs: number;
  /** Undefined: whichever installation is there will do, as for a test of parts. */
  installation?: InstallationWatch | undefined;
  onIdleConnectionLost(error: Error): void;
  /** Undefined: nobody looks at single statements. */
  trace?: TraceStatement | undefined;
};

// The server gives up before the service does: its refusal is definite, and a connection that was cut is not.
const serverShare = 0.8;

/** Opens the two pools: batches of claims never wait for a connection that a reader has, nor readers for theirs. */
export function openPools(options: PoolOptions): { forBatches: Database; forQueries: Database } {
  // Half of a claim's time goes to the first try; the other half is left to find out what became of it.
  const batchAnswerMs = Math.floor(options.claimTimeoutMs / 2);
  // Whoever waits for a connection in vain hears so before his claim is old.
  const connectTimeoutMs = Math.min(options.connectTimeoutMs, batchAnswerMs);
  const { installation } = options;
  const queryAnswerMs = Math.min(options.statementTimeoutMs, options.claimTimeoutMs);
  return {
    forBatches: new Database({
      ...options,
      connectTimeoutMs,
      connectionsMax: options.claimConnections,
      session: { writes: true, installation },
      ...timeouts(options, batchAnswerMs),
    }),
    forQueries: new Database({
      ...options,
      connectTimeoutMs,
      connectionsMax: options.queryConnections,
      session: { installation },
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

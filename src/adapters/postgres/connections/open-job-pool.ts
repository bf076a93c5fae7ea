// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import type { HistoryGuard } from '../../../core/history/history-guard.ts';
import { HistoryLostError } from '../history/history-lost-error.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { destroySocket, withTimeout } from './connection-timeouts.ts';
import { endsWithin } from './ends-within.ts';
import { routeTo } from './route.ts';
import { searchPathOf } from './search-path.ts';
import { verifySession } from './verify-session.ts';

const closeMsMax = 500;

/** A pool, and a close that waits at most a second for it, whatever the server answers. */
export type JobPool = { pool: pg.Pool; close(): Promise<void> };

/** A pool for a library that runs jobs and has statements of its own. Its sessions lead to the primary of the installation. */
export function openJobPool(options: {
  /** A connection URL; may hold a password. */
  url: string;
  /** That of the tables, in which each new session looks for the installation. */
  schema: string;
  /** That of the library. It may not exist yet. */
  jobsSchema: string;
  connectionsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  installation: InstallationWatch;
  history?: HistoryGuard | undefined;
  onConnectionLost(error: Error): void;
}): JobPool {
  const { connectionsMax, connectTimeoutMs, statementTimeoutMs, installation, history } = options;
  const settings = {
    search_path: searchPathOf(options.schema, options.jobsSchema),
    statement_timeout: String(statementTimeoutMs),
  };
  const route = routeTo(options.url, { name: 'firstcome jobs', settings }, connectTimeoutMs);
  const pool = new pg.Pool({
    ...route.config,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    // The server cancels a statement earlier, unless it gives no answers any more.
    query_timeout: 2 * statementTimeoutMs,
    verify: (client, done) => {
      const verified = verifySession(client, { installation, history }).then(() => {
        if (history?.isLost) throw new HistoryLostError();
      });
      withTimeout(client, connectTimeoutMs, verified).then(
        () => done(),
        (error) => {
          route.failed(client, error);
          done(error);
        },
      );
    },
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on('error', options.onConnectionLost);
  const open = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    open.add(client);
    client.once('end', () => open.delete(client));
    client.on('error', () => undefined);
  });
  // A job that runs on such a connection is run again.
  const stopListening = route.onMove(() => {
    for (const client of open) destroySocket(client);
  });
  return {
    pool,
    async close() {
      stopListening();
      const ended = pool.end();
      if (await endsWithin(ended, closeMsMax)) return;
      for (const client of open) destroySocket(client);
      await endsWithin(ended, closeMsMax);
    },
  };
}

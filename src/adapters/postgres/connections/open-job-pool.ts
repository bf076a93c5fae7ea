// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { connectionConfig } from './connection-config.ts';
import { withTimeout } from './connection-source.ts';
import { verifySession } from './verify-session.ts';

/** A pool for a library that runs jobs and has statements of its own. Its sessions lead to the primary of the installation. */
export function openJobPool(options: {
  /** A connection URL; may hold a password. */
  url: string;
  connectionsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  installation: InstallationWatch;
  onConnectionLost(error: Error): void;
}): pg.Pool {
  const { connectionsMax, connectTimeoutMs, statementTimeoutMs, installation } = options;
  const settings = { statement_timeout: String(statementTimeoutMs) };
  const pool = new pg.Pool({
    ...connectionConfig(options.url, { name: 'firstcome jobs', settings }),
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    verify: (client, done) => {
      const verified = verifySession(client, { installation });
      withTimeout(client, connectTimeoutMs, verified).then(() => done(), done);
    },
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on('error', options.onConnectionLost);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Where connections come from: a pool of the driver for a URL here, or a pool of the host in host-pool.ts. */
import pg from 'pg';
import type { DurabilityMin } from '../../../core/health.ts';
import { withTimeout } from './connection-timeouts.ts';
import { routeTo } from './route.ts';
import { searchPathOf } from './search-path.ts';
import { type SessionRequirements, verifySession } from './verify-session.ts';

/** Where the tables are: in a database that a URL names, or in the database of a host's pool. */
export type DatabaseLocation = {
  /** The schema that holds the tables and functions. A session's search path has no other one. */
  schema: string;
} & (
  | {
      /** A connection URL; may hold a password. */
      url: string;
    }
  | {
      /** A pool that lends connections. */
      hostPool: pg.Pool;
    }
);

/** How many connections there may be, and what is set in each session. */
export type ConnectionOptions = {
  /** The largest number of open connections. */
  connectionsMax: number;
  connectTimeoutMs: number;
  /** How long a statement waits for a lock. */
  lockTimeoutMs: number;
  /** After this time the server cancels a statement. */
  statementTimeoutMs: number;
  /** Commits of the sessions must be as durable; undefined: as the server is configured. */
  durabilityMin?: DurabilityMin | undefined;
  /** Checked for each session before its first use; by default only that its server is a primary. */
  session?: SessionRequirements;
};

/** Receives the events of connections. */
export type ConnectionListener = {
  /** Called in the same turn of the event loop in which the connection opens, before it can receive anything else. */
  onOpened(client: pg.PoolClient): void;
  /** Called when a connection breaks that nothing uses. */
  onIdleLost(error: Error): void;
  /** Called when new connections lead to another server than those before. */
  onMoved(): void;
};

/** All connections, those that are idle, and callers that wait for one. */
export type PoolUsage = { total: number; idle: number; waiting: number };

/** Provides connections whose sessions have the settings that all statements rely on. */
export type ConnectionSource = {
  /** Rejects with the driver's error when there is none in time. */
  connect(): Promise<pg.PoolClient>;
  /** Takes a connection back; with `destroy` it is ended and never handed out again. */
  release(client: pg.PoolClient, destroy: boolean): void;
  usage(): PoolUsage;
  /** The server gave no answer in time: with several servers, another one may have taken its place. */
  doubtServer(): void;
  /** Resolves when all connections have been released and ended. */
  end(): Promise<void>;
};

/**
 * Settings that all statements rely on. Plans must not depend on what a table held when they were made, and the warning
 * that the standby did not confirm a commit must arrive. Without sequential scans the planner expects absurd costs, for which
 * the server would compile each statement: that takes seconds, and the statement itself milliseconds.
 */
export function sessionSettings(
  schema: string,
  options: Pick<ConnectionOptions, 'lockTimeoutMs' | 'statementTimeoutMs' | 'durabilityMin'>,
): Record<string, string> {
  const { durabilityMin = 'none' } = options;
  return {
    search_path: searchPathOf(schema),
    client_min_messages: 'warning',
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    default_transaction_isolation: 'read committed',
    enable_seqscan: 'off',
    jit: 'off',
    lock_timeout: String(options.lockTimeoutMs),
    statement_timeout: String(options.statementTimeoutMs),
    // Read by require_durability().
    ...(durabilityMin !== 'none' && { 'firstcome.durability_min': durabilityMin }),
  };
}

/** Connections from a pool of the driver. */
export function driverPool(
  { url, schema }: { url: string; schema: string },
  options: ConnectionOptions,
  listener: ConnectionListener,
): ConnectionSource {
  const { connectTimeoutMs } = options;
  const session = { name: 'firstcome', settings: sessionSettings(schema, options) };
  const route = routeTo(url, session, connectTimeoutMs);
  const pool = new pg.Pool({
    ...route.config,
    // Sends the check after a commit together with the statement that commits.
    pipeline: options.durabilityMin === 'replicated',
    max: options.connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    verify: (client, done) => {
      const verified = verifySession(client, options.session ?? {});
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
  const stopListening = route.onMove(listener.onMoved);
  // Without a listener, the loss of an idle connection would end the process.
  pool.on('error', (error) => listener.onIdleLost(error));
  // 'connect', not later: one packet of the server may hold both its greeting and its error.
  pool.on('connect', (client) => listener.onOpened(client));
  return {
    connect: () => route.tryAgain(() => pool.connect()),
    release: (client, destroy) => client.release(destroy),
    usage: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    doubtServer: route.doubt,
    end() {
      stopListening();
      return pool.end();
    },
  };
}

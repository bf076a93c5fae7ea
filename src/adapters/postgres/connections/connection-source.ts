// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { connectionConfig } from './connection-config.ts';
import { searchPathOf } from './search-path.ts';
import { type SessionRequirements, verifySession } from './verify-session.ts';

/** Where the sessions are: in a database of the service's own choice, or in a pool that belongs to another program. */
export type DatabaseLocation = {
  /** The schema that holds the tables and functions. No other one is in the search path of a session. */
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
export type ConnectionsOptions = {
  /** Connections kept at most. */
  connectionsMax: number;
  connectTimeoutMs: number;
  /** How long a statement waits for a lock. */
  lockTimeoutMs: number;
  /** After this the server ends a statement. */
  statementTimeoutMs: number;
  /** What each session is checked for before it is used; without it, only that its server is a primary. */
  session?: SessionRequirements;
};

/** Who hears of each connection. */
export type ConnectionListener = {
  /** Called within the turn in which the connection is there, before anything else can arrive on it. */
  onOpened(client: pg.PoolClient): void;
  /** Called when a connection broke that nobody had taken. */
  onIdleLost(error: Error): void;
};

/** Connections taken and in all, and callers that wait for one. */
export type PoolUse = { total: number; idle: number; waiting: number };

/** Hands out connections whose sessions are set as the statements here rely on. */
export type Connections = {
  /** Rejects with what the driver said when there is none in time. */
  connect(): Promise<pg.PoolClient>;
  /** Takes back a connection; a broken one is never handed out again. */
  giveBack(client: pg.PoolClient, isBroken: boolean): void;
  use(): PoolUse;
  /** Resolves when all connections were given back and are ended. */
  end(): Promise<void>;
};

/**
 * Settings that every statement here relies on. Plans must not depend on what a table held when they were made, and the
 * warning that the standby did not confirm a commit must come through.
 */
export function sessionSettings(
  schema: string,
  options: Pick<ConnectionsOptions, 'lockTimeoutMs' | 'statementTimeoutMs'>,
): Record<string, string> {
  return {
    search_path: searchPathOf(schema),
    client_min_messages: 'warning',
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    default_transaction_isolation: 'read committed',
    enable_seqscan: 'off',
    lock_timeout: String(options.lockTimeoutMs),
    statement_timeout: String(options.statementTimeoutMs),
  };
}

/** Connections of a pool of our own. */
export function ownConnections(
  { url, schema }: { url: string; schema: string },
  options: ConnectionsOptions,
  listener: ConnectionListener,
): Connections {
  const pool = new pg.Pool({
    ...connectionConfig(url, { name: 'firstcome', settings: sessionSettings(schema, options) }),
    max: options.connectionsMax,
    connectionTimeoutMillis: options.connectTimeoutMs,
    verify: (client, done) => {
      cutAfter(client, options.connectTimeoutMs, verifySession(client, options.session ?? {})).then(
        () => done(),
        done,
      );
    },
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', (error) => listener.onIdleLost(error));
  // From the first moment on: the server's farewell may come in the same piece as its welcome.
  pool.on('connect', (client) => listener.onOpened(client));
  return {
    connect: () => pool.connect(),
    giveBack: (client, isBroken) => client.release(isBroken),
    use: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    end: () => pool.end(),
  };
}

/** Waits for `work` on a connection, and cuts the connection when it takes longer than `timeoutMs`. */
export async function cutAfter<Result>(
  client: pg.ClientBase,
  timeoutMs: number,
  work: Promise<Result>,
): Promise<Result> {
  let isCut = false;
  const timer = setTimeout(() => {
    isCut = true;
    destroySocket(client);
  }, timeoutMs);
  try {
    return await work;
  } catch (error) {
    if (!isCut) throw error;
    throw new Error(`the server did not answer within ${timeoutMs} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Cuts a connection at once; ending it politely would wait for a server that may never answer. */
export function destroySocket(client: pg.ClientBase): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

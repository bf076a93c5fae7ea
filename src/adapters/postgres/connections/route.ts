// SPDX-License-Identifier: GPL-3.0-or-later
/** Where new connections lead: to the one server of a URL, or to that of its servers which is the primary now. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { isSocket, type ServerAddress } from '../../../core/connection-location.ts';
import { UnusableDatabaseError } from '../errors/unusable-database-error.ts';
import { askServer } from './ask-server.ts';
import { connectionConfig, type SessionOptions, serversOf } from './connection-config.ts';
import { destroySocket } from './connection-timeouts.ts';
import { NoPrimaryError, PrimaryFinder } from './primary-finder.ts';
import { NotPrimaryError } from './verify-session.ts';

/** The way of a pool to its server. With one server nothing is searched, and only `config` matters. */
export type Route = {
  config: pg.PoolConfig;
  /** A new connection cannot be used. */
  failed(client: pg.ClientBase, error: unknown): void;
  /** Connects, and once more when another server may be the primary. */
  tryAgain<Result>(connect: () => Promise<Result>): Promise<Result>;
  /** The server gave no answer in time. */
  doubt(): void;
  /** Calls the listener when new connections lead to another server, until the returned function is called. */
  onMove(listener: () => void): () => void;
};

const clock = {
  nowMs: () => performance.now(),
  sleep: (ms: number, signal?: AbortSignal) =>
    wait(ms, undefined, signal && { signal }).catch(() => undefined),
};

// A process has one URL, a copy between two databases two. All pools of a URL share what one of them finds.
const finders = new Map<string, PrimaryFinder>();

const serverOf = new WeakMap<pg.ClientBase, ServerAddress>();

/** The finder of a URL with several servers, the same for all connections of the process; undefined for one server. */
function primaryFinderOf(url: string): PrimaryFinder | undefined {
  const known = finders.get(url);
  if (known !== undefined) return known;
  const servers = serversOf(url);
  if (servers.length === 1) return undefined;
  const ask = (server: ServerAddress, timeoutMs: number) => askServer(url, server, timeoutMs);
  const finder = new PrimaryFinder({ servers, ask, clock });
  finders.set(url, finder);
  return finder;
}

/**
 * Whether an error of a new connection is about its server, so that another one may be the primary now. A refusal such
 * as a wrong password or too many connections is not.
 */
function isOfServer(error: unknown): boolean {
  if (error instanceof NoPrimaryError || error instanceof UnusableDatabaseError) return false;
  if (error instanceof NotPrimaryError) return true;
  // The server is stopping, has crashed or is starting up.
  return error instanceof pg.DatabaseError ? /^57P/.test(error.code ?? '') : true;
}

/**
 * The configuration of a single client, for the server that is the primary now. Rejects with a `NoPrimaryError` when
 * there are several servers and none is.
 */
export async function configForPrimary(
  url: string,
  session: SessionOptions,
  connectTimeoutMs: number,
): Promise<pg.ClientConfig> {
  const server = await primaryFinderOf(url)?.findAnew(connectTimeoutMs);
  return connectionConfig(url, session, server);
}

/** The route of a pool with these sessions. */
export function routeTo(url: string, session: SessionOptions, connectTimeoutMs: number): Route {
  const finder = primaryFinderOf(url);
  if (finder === undefined) {
    return {
      config: connectionConfig(url, session),
      ...{ failed: () => undefined, tryAgain: (connect) => connect(), doubt: () => undefined },
      onMove: () => () => undefined,
    };
  }
  // With the TLS of those servers that use it.
  const server = finder.servers.find((each) => !isSocket(each));
  const failed = (client: pg.ClientBase, error: unknown) => {
    const of = serverOf.get(client);
    if (of !== undefined && isOfServer(error)) finder.rejected(of);
  };
  return {
    config: {
      ...connectionConfig(url, session, server),
      Client: clientToPrimary(finder, connectTimeoutMs, failed),
    },
    failed,
    async tryAgain(connect) {
      const beganMs = clock.nowMs();
      try {
        return await connect();
      } catch (error) {
        // After a server that hung there is no time left.
        if (!isOfServer(error) || clock.nowMs() - beganMs >= connectTimeoutMs / 2) throw error;
        return await connect();
      }
    },
    doubt: () => void finder.doubt(connectTimeoutMs),
    onMove: (listener) => finder.onMove(listener),
  };
}

/** The driver calls it when the connection is open or has failed. */
type OnConnected = (error: Error | null, client?: pg.Client) => void;

/** A client of the driver that learns its server when it connects. A server that hangs fails after half of the time. */
function clientToPrimary(
  finder: PrimaryFinder,
  connectTimeoutMs: number,
  failed: Route['failed'],
): new () => pg.Client {
  const timeoutMs = Math.ceil(connectTimeoutMs / 2);
  return class ClientToPrimary extends pg.Client {
    // Not a promise: a pool must take the connection over in the turn in which it opens.
    override connect = ((onConnected: OnConnected) => {
      finder.find(connectTimeoutMs).then((server) => {
        serverOf.set(this, server);
        leadTo(this, server);
        let late: Error | undefined;
        const timer = setTimeout(() => {
          late = new Error(`the server did not answer within ${timeoutMs} ms`);
          destroySocket(this);
        }, timeoutMs);
        super.connect((error: Error | null) => {
          clearTimeout(timer);
          if (!error) return onConnected(null, this);
          failed(this, late ?? error);
          onConnected(late ?? error);
        });
      }, onConnected);
    }) as pg.Client['connect'];
  };
}

/** Sets the server of a client that has not connected yet. */
function leadTo(client: pg.Client, server: ServerAddress): void {
  const { host, port } = server;
  Object.assign(client, { host, port });
  if (!isSocket(server)) return;
  // As in libpq: a socket stays within the machine.
  Object.assign(client, { ssl: false });
  Object.assign((client as unknown as { connection: object }).connection, { ssl: false });
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import {
  type ConnectionOptions,
  type ConnectionSource,
  type DatabaseLocation,
  driverPool,
  type PoolUsage,
} from './connection-source.ts';
import { destroySocket } from './connection-timeouts.ts';
import { endsWithin } from './ends-within.ts';
import { hostPoolConnections } from './host-pool.ts';
import { isElsewhere } from './verify-session.ts';

/** Where the connections lead, and how long each is used. */
export type ConnectionPoolOptions = DatabaseLocation &
  ConnectionOptions & {
    /** Called when a connection breaks that no statement uses. */
    onIdleConnectionLost(error: Error): void;
    /** Called when new connections lead to another server than those before; the idle ones have been dropped. */
    onMoved?: (() => void) | undefined;
    /** How long a connection is used, give or take a tenth; 0 or undefined: without a limit. */
    connectionLifetimeMs?: number | undefined;
    /** From 0 to 1, and below 1. */
    random?: (() => number) | undefined;
  };

const closeMsMax = 500;
const lifetimeSpread = 0.1;

/** Hands out a connection for each statement, and keeps idle ones for the next statement. */
export class ConnectionPool {
  private readonly source: ConnectionSource;
  private readonly options: ConnectionPoolOptions;
  /** Connections that run nothing now; the one used last is at the end. */
  private readonly idle: pg.PoolClient[] = [];
  private readonly inUse = new Set<pg.PoolClient>();
  private readonly open = new Set<pg.PoolClient>();
  private readonly broken = new WeakSet<pg.PoolClient>();
  /** Handed out at least once. */
  private readonly used = new WeakSet<pg.PoolClient>();
  /** Must not be handed out again. */
  private readonly retired = new WeakSet<pg.PoolClient>();
  private closing = false;

  constructor(options: ConnectionPoolOptions) {
    this.options = options;
    const listener = {
      onIdleLost: (error: Error) => {
        if (!this.closing) options.onIdleConnectionLost(error);
      },
      onMoved: () => {
        if (this.closing) return;
        this.dropIdle();
        options.onMoved?.();
      },
      onOpened: (client: pg.PoolClient) => {
        this.open.add(client);
        client.once('end', () => this.open.delete(client));
        client.on('error', (error) => this.onConnectionLost(client, error));
      },
    };
    this.source =
      'hostPool' in options
        ? hostPoolConnections(options, options, listener)
        : driverPool(options, options, listener);
  }

  /** An idle connection for one statement, if there is one. */
  takeIdle(): pg.PoolClient | undefined {
    for (;;) {
      const client = this.idle.pop();
      if (client === undefined || !isElsewhere(client, this.options.session?.history)) {
        if (client !== undefined) this.inUse.add(client);
        return client;
      }
      this.source.release(client, true);
      this.destroyLater(client);
    }
  }

  /** A new connection, or one that another statement releases. Rejects with the driver's error. */
  async connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.source.connect();
      if (!this.retired.has(client) && !isElsewhere(client, this.options.session?.history)) {
        if (!this.used.has(client)) this.limitLifetime(client);
        this.used.add(client);
        this.inUse.add(client);
        return client;
      }
      this.source.release(client, true);
    }
  }

  /**
   * Takes a connection back after its statement. With `destroy` it is ended; otherwise it stays here, ready for
   * `takeIdle`. The driver's pool would hand it out one turn of the event loop later, and the next batch of claims
   * would wait behind all answers to the batch before it.
   */
  release(client: pg.PoolClient, destroy: boolean): void {
    this.inUse.delete(client);
    if (destroy || this.broken.has(client)) {
      this.source.release(client, true);
    } else if (this.retired.has(client)) {
      this.endSession(client);
    } else if (this.closing || this.source.usage().waiting > 0) {
      this.source.release(client, false);
    } else {
      this.idle.push(client);
    }
  }

  /** Ends every idle connection. Running statements continue; later ones get new connections. */
  dropIdle(): void {
    for (const client of this.idle.splice(0)) {
      this.source.release(client, true);
      this.destroyLater(client);
    }
    // Others are idle in the source, or on the way to a statement. One that was never used has just been verified.
    for (const client of this.open) {
      if (this.used.has(client) && !this.inUse.has(client)) this.retired.add(client);
    }
  }

  /** The server gave no answer in time: with several servers, another one may have taken its place. */
  doubtServer(): void {
    this.source.doubtServer();
  }

  usage(): PoolUsage {
    const { total, idle, waiting } = this.source.usage();
    return { total, idle: idle + this.idle.length, waiting };
  }

  /**
   * Ends all connections when their statements have ended; after half a second the rest is destroyed. Resolves within a
   * second, also when the driver never reports the end of a connection: a stop must not wait for that.
   */
  async close(): Promise<void> {
    this.closing = true;
    for (const client of this.idle.splice(0)) this.source.release(client, false);
    const ended = this.source.end();
    // Idle connections too: a frozen server never closes them, and the process would not end.
    if (!(await endsWithin(ended, closeMsMax))) {
      for (const client of this.open) destroySocket(client);
      await endsWithin(ended, closeMsMax);
    }
    for (const client of this.open) if (!this.inUse.has(client)) destroySocket(client);
  }

  /** Ends the connection now if it is idle, else after its statement. */
  private retire(client: pg.PoolClient): void {
    const index = this.idle.indexOf(client);
    if (index < 0) {
      this.retired.add(client);
    } else {
      this.idle.splice(index, 1);
      this.endSession(client);
    }
  }

  /**
   * Ends a session, and frees its slot only when the server has ended it too: the server may admit no more sessions
   * than there are.
   */
  private endSession(client: pg.PoolClient): void {
    this.inUse.add(client);
    client.once('end', () => {
      this.inUse.delete(client);
      this.source.release(client, true);
    });
    (client as unknown as pg.Client).end().catch(() => undefined);
    this.destroyLater(client);
  }

  /** Destroys a connection that is ending, if the server does not close it in time. */
  private destroyLater(client: pg.PoolClient): void {
    const timer = setTimeout(() => destroySocket(client), this.options.connectTimeoutMs);
    timer.unref();
    client.once('end', () => clearTimeout(timer));
  }

  private limitLifetime(client: pg.PoolClient): void {
    const { connectionLifetimeMs = 0, random = Math.random } = this.options;
    if (connectionLifetimeMs === 0) return;
    const lifetimeMs = withJitter(connectionLifetimeMs, random());
    const timer = setTimeout(() => this.retire(client), lifetimeMs);
    timer.unref();
    client.once('end', () => clearTimeout(timer));
  }

  private onConnectionLost(client: pg.PoolClient, error: Error): void {
    this.broken.add(client);
    const index = this.idle.indexOf(client);
    if (index < 0) return;
    this.idle.splice(index, 1);
    this.source.release(client, true);
    if (!this.closing) this.options.onIdleConnectionLost(error);
  }
}

/** A lifetime near `ms`, so that connections opened together are not replaced together. */
export function withJitter(ms: number, random: number): number {
  return ms * (1 + lifetimeSpread * (2 * random - 1));
}

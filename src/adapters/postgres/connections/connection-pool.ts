// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import {
  type Connections,
  type ConnectionsOptions,
  type DatabaseLocation,
  destroySocket,
  ownConnections,
  type PoolUse,
} from './connection-source.ts';
import { lentConnections } from './host-pool.ts';

/** Where the connections lead, and how long they are kept. */
export type KeptConnectionsOptions = DatabaseLocation &
  ConnectionsOptions & {
    /** Called when a connection broke that no statement used. */
    onIdleConnectionLost(error: Error): void;
    /** How long a connection is used, give or take a tenth; 0 or undefined: without a limit. */
    connectionLifetimeMs?: number | undefined;
    /** From 0 to 1, and below 1. */
    random?: (() => number) | undefined;
  };

const closeMsMax = 500;
const lifetimeSpread = 0.1;

/** Hands out connections for one statement each, and keeps those that can be used again at hand. */
export class KeptConnections {
  private readonly connections: Connections;
  private readonly options: KeptConnectionsOptions;
  /** Connections taken from the pool that run nothing now; the last one used comes first. */
  private readonly inHand: pg.PoolClient[] = [];
  private readonly inUse = new Set<pg.PoolClient>();
  private readonly open = new Set<pg.PoolClient>();
  private readonly broken = new WeakSet<pg.PoolClient>();
  /** Handed out at least once. */
  private readonly used = new WeakSet<pg.PoolClient>();
  /** Used, and no longer to be used. */
  private readonly retired = new WeakSet<pg.PoolClient>();
  private closing = false;

  constructor(options: KeptConnectionsOptions) {
    this.options = options;
    const listener = {
      onIdleLost: (error: Error) => {
        if (!this.closing) options.onIdleConnectionLost(error);
      },
      onOpened: (client: pg.PoolClient) => {
        this.open.add(client);
        client.once('end', () => this.open.delete(client));
        client.on('error', (error) => this.onConnectionLost(client, error));
      },
    };
    this.connections =
      'hostPool' in options
        ? lentConnections(options, options, listener)
        : ownConnections(options, options, listener);
  }

  /** A connection for one statement that is there already. */
  takeAtHand(): pg.PoolClient | undefined {
    const client = this.inHand.pop();
    if (client !== undefined) this.inUse.add(client);
    return client;
  }

  /** A new connection, or one that another statement gives back. Rejects with what the driver said. */
  async connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.connections.connect();
      if (!this.retired.has(client)) {
        if (!this.used.has(client)) this.limitLifetime(client);
        this.used.add(client);
        this.inUse.add(client);
        return client;
      }
      this.connections.giveBack(client, true);
    }
  }

  /**
   * Takes a connection back after its statement; it is ended where it `mustEnd`. Else it is kept at hand. The pool would
   * hand it out one turn of the event loop later, and a batch of claims would wait that turn out behind all the answers
   * of the batch before it.
   */
  giveBack(client: pg.PoolClient, mustEnd: boolean): void {
    this.inUse.delete(client);
    if (mustEnd || this.broken.has(client)) {
      this.connections.giveBack(client, true);
    } else if (this.retired.has(client)) {
      this.endSession(client);
    } else if (this.closing || this.connections.use().waiting > 0) {
      this.connections.giveBack(client, false);
    } else {
      this.inHand.push(client);
    }
  }

  /** Ends every connection that runs nothing now. Statements under way go on; the next ones get new connections. */
  dropIdle(): void {
    for (const client of this.inHand.splice(0)) {
      this.connections.giveBack(client, true);
      this.cutLater(client);
    }
    // Idle in the pool, or on their way to another statement. One that was never used has just been verified.
    for (const client of this.open) {
      if (this.used.has(client) && !this.inUse.has(client)) this.retired.add(client);
    }
  }

  use(): PoolUse {
    const { total, idle, waiting } = this.connections.use();
    return { total, idle: idle + this.inHand.length, waiting };
  }

  /** Ends all connections when their statements have ended; those that have not after half a second are cut. */
  async close(): Promise<void> {
    this.closing = true;
    for (const client of this.inHand.splice(0)) this.connections.giveBack(client, false);
    // Also those that are idle: a server that is frozen never answers their farewell, and the process would not end.
    const timer = setTimeout(() => {
      for (const client of this.open) destroySocket(client);
    }, closeMsMax);
    await this.connections.end();
    for (const client of this.open) if (!this.inUse.has(client)) destroySocket(client);
    if (this.open.size === 0) clearTimeout(timer);
  }

  /** Ends the connection now if it is at hand, else after its statement. */
  private retire(client: pg.PoolClient): void {
    const index = this.inHand.indexOf(client);
    if (index < 0) {
      this.retired.add(client);
    } else {
      this.inHand.splice(index, 1);
      this.endSession(client);
    }
  }

  /**
   * Ends a session and gives its place away when the server has ended it too: the server may admit no more sessions than
   * there are.
   */
  private endSession(client: pg.PoolClient): void {
    this.inUse.add(client);
    client.once('end', () => {
      this.inUse.delete(client);
      this.connections.giveBack(client, true);
    });
    (client as unknown as pg.Client).end().catch(() => undefined);
    this.cutLater(client);
  }

  /** For a connection that is ending: a server that is gone never answers the farewell. */
  private cutLater(client: pg.PoolClient): void {
    const timer = setTimeout(() => destroySocket(client), this.options.connectTimeoutMs);
    timer.unref();
    client.once('end', () => clearTimeout(timer));
  }

  private limitLifetime(client: pg.PoolClient): void {
    const { connectionLifetimeMs = 0, random = Math.random } = this.options;
    if (connectionLifetimeMs === 0) return;
    const lifetimeMs = spread(connectionLifetimeMs, random());
    const timer = setTimeout(() => this.retire(client), lifetimeMs);
    timer.unref();
    client.once('end', () => clearTimeout(timer));
  }

  private onConnectionLost(client: pg.PoolClient, error: Error): void {
    this.broken.add(client);
    const index = this.inHand.indexOf(client);
    if (index < 0) return;
    this.inHand.splice(index, 1);
    this.connections.giveBack(client, true);
    if (!this.closing) this.options.onIdleConnectionLost(error);
  }
}

/** A lifetime about `ms`, so that connections that were opened together are not replaced together. */
export function spread(ms: number, random: number): number {
  return ms * (1 + lifetimeSpread * (2 * random - 1));
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import {
  type Connections,
  type ConnectionsOptions,
  type DatabasePlace,
  destroySocket,
  ownConnections,
  type PoolUse,
} from './connections.ts';
import { lentConnections } from './lent-connections.ts';

/** Where the connections lead, and how long they are kept. */
export type KeptConnectionsOptions = DatabasePlace &
  ConnectionsOptions & {
    /** Told of connections that broke while nobody used them. */
    onIdleConnectionLost(error: Error): void;
    /** How long a connection is used, give or take a tenth; 0 or undefined: without a limit. */
    connectionLifetimeMs?: number | undefined;
    /** From 0 to 1, and below 1. */
    random?: (() => number) | undefined;
  };

const closeMsMax = 500;
// Connections that were opened together are not replaced together.
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
  /** Used, and not to be used again. */
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

  /** A connection for one statement. Returns within this call where one is at hand. */
  take(): pg.PoolClient | Promise<pg.PoolClient> {
    const client = this.inHand.pop();
    if (client === undefined) return this.connect();
    this.inUse.add(client);
    return client;
  }

  /**
   * Takes a connection back after its statement; it is ended where it `mustEnd`. Else it is kept at hand. The pool would
   * hand it out one turn of the event loop later, and a batch of claims would wait that turn out behind all the answers
   * of the batch before it.
   */
  giveBack(client: pg.PoolClient, mustEnd: boolean): void {
    this.inUse.delete(client);
    if (mustEnd || this.broken.has(client) || this.retired.has(client)) {
      this.connections.giveBack(client, true);
    } else if (this.closing || this.connections.use().waiting > 0) {
      this.connections.giveBack(client, false);
    } else {
      this.inHand.push(client);
    }
  }

  /** Ends every connection that runs nothing now. Statements under way go on; the next ones get new connections. */
  dropIdle(): void {
    for (const client of this.open) if (!this.inUse.has(client)) this.retire(client);
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

  private async connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.connections.connect();
      if (!this.retired.has(client)) {
        if (!this.used.has(client)) this.limitLifetime(client);
        this.used.add(client);
        this.inUse.add(client);
        return client;
      }
      // It was idle in the pool, or on its way from another statement to this one.
      this.connections.giveBack(client, true);
    }
  }

  /** Ends the connection if it is idle, else after its statement. One that was never used has just been verified. */
  private retire(client: pg.PoolClient): void {
    if (!this.used.has(client)) return;
    const index = this.inHand.indexOf(client);
    if (index < 0) {
      this.retired.add(client);
    } else {
      this.inHand.splice(index, 1);
      this.connections.giveBack(client, true);
    }
  }

  private limitLifetime(client: pg.PoolClient): void {
    const { connectionLifetimeMs = 0, random = Math.random } = this.options;
    if (connectionLifetimeMs === 0) return;
    const factor = 1 + lifetimeSpread * (2 * random() - 1);
    const timer = setTimeout(() => this.retire(client), connectionLifetimeMs * factor);
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

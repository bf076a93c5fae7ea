// SPDX-License-Identifier: GPL-3.0-or-later
import { ExponentialBackoff, handleWhen, type IPolicy, retry } from 'cockatiel';
import pg from 'pg';
import type { TraceStatement } from '../../core/tracing.ts';
import {
  type Connections,
  type ConnectionsOptions,
  type DatabasePlace,
  destroySocket,
  ownConnections,
  type PoolUse,
} from './connections.ts';
import type { DatabaseRefusals } from './database-refusals.ts';
import { lentConnections } from './lent-connections.ts';
import type { Outage } from './outage.ts';
import { DatabaseFault, toDatabaseFault } from './pg-error.ts';
import type { Statement } from './statements.ts';

/** Where the database is, and how long to wait for it. */
export type DatabaseOptions = DatabasePlace &
  ConnectionsOptions & {
    /** After this without an answer the connection is given up for lost, whatever the server says later. */
    answerTimeoutMs: number;
    /** Told of connections that broke while nobody used them. */
    onIdleConnectionLost(error: Error): void;
    /** Undefined: nobody looks at single statements. */
    trace?: TraceStatement | undefined;
  };

const attemptsMax = 3;
const closeMsMax = 500;

/** Runs statements on a pool of connections, each as a transaction of its own. */
export class Database {
  /** Connections kept at most. */
  readonly connectionsMax: number;
  private readonly connections: Connections;
  private readonly options: Pick<DatabaseOptions, 'onIdleConnectionLost'>;
  private readonly answerTimeoutMs: number;
  private readonly trace: TraceStatement | undefined;
  private outage: Outage | undefined;
  private refusals: DatabaseRefusals | undefined;
  /** Connections taken from the pool that run nothing now; the last one used comes first. */
  private readonly inHand: pg.PoolClient[] = [];
  private readonly broken = new WeakSet<pg.PoolClient>();
  private readonly inUse = new Set<pg.PoolClient>();
  private readonly open = new Set<pg.PoolClient>();
  private closing = false;
  private readonly onConflict: IPolicy;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.connectionsMax = options.connectionsMax;
    this.answerTimeoutMs = options.answerTimeoutMs;
    this.trace = options.trace;
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
        : ownConnections(options.url, options, listener);
    this.onConflict = retry(handleWhen(isConflict), {
      maxAttempts: attemptsMax - 2,
      backoff: new ExponentialBackoff({ initialDelay: 5, maxDelay: 100 }),
    });
  }

  /** From now on it hears what becomes of each statement. */
  tellOutages(outage: Outage): void {
    this.outage = outage;
  }

  /** From now on it records each statement that the database refuses. */
  recordRefusals(refusals: DatabaseRefusals): void {
    this.refusals = refusals;
  }

  /** The rows of one statement, after its commit. Rejects with a `DatabaseFault`. */
  run<Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    if (this.trace === undefined) return this.runWithRetries<Row>(statement, values);
    return this.trace(statement, () => this.runWithRetries<Row>(statement, values));
  }

  private async runWithRetries<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: unknown[],
  ): Promise<Row[]> {
    // The first try starts within this call: on a connection in hand the statement is on its way when it returns.
    const firstTry = this.runOnce<Row>(statement, values);
    try {
      return await firstTry;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return await this.onConflict.execute(() => this.runOnce<Row>(statement, values));
    }
  }

  use(): PoolUse & { max: number } {
    const { total, idle, waiting } = this.connections.use();
    return { total, idle: idle + this.inHand.length, waiting, max: this.connectionsMax };
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

  private async runOnce<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: unknown[],
  ): Promise<Row[]> {
    const client = this.inHand.pop() ?? (await this.connect());
    this.inUse.add(client);
    let fault: DatabaseFault | undefined;
    // A wait for the standby that was cut short ends in a normal answer with this warning before it.
    const onNotice = (notice: { code?: string | undefined }) => {
      if (notice.code === '01000') {
        fault = new DatabaseFault('lost', new Error('the commit was not confirmed in full'));
      }
    };
    client.on('notice', onNotice);
    const timer = setTimeout(() => {
      fault = new DatabaseFault('lost', new Error('the database did not answer in time'));
      destroySocket(client);
    }, this.answerTimeoutMs);
    try {
      const result = await client.query<Row>({ ...statement, values, types });
      if (fault !== undefined) throw fault;
      this.outage?.answered();
      return result.rows;
    } catch (error) {
      fault ??= toDatabaseFault(error);
      this.onFault(fault);
      if (fault.refusal !== undefined) this.refusals?.refused(statement, fault.refusal);
      throw fault;
    } finally {
      clearTimeout(timer);
      client.removeListener('notice', onNotice);
      this.inUse.delete(client);
      this.giveBack(client, fault);
    }
  }

  private async connect(): Promise<pg.PoolClient> {
    return await this.connections.connect().catch((error: unknown) => {
      const fault = new DatabaseFault('not_sent', error);
      this.onFault(fault);
      throw fault;
    });
  }

  private onFault(fault: DatabaseFault): void {
    if (this.closing) return;
    if (fault.reason === 'lost' || fault.reason === 'not_sent') this.outage?.failed(fault);
    else this.outage?.answered();
  }

  /**
   * Keeps the connection in hand for the next statement. The pool would hand it out one turn of the event loop later,
   * and a batch of claims would wait that turn out behind all the answers of the batch before it.
   */
  private giveBack(client: pg.PoolClient, fault: DatabaseFault | undefined): void {
    if (this.broken.has(client) || fault?.reason === 'lost' || fault?.reason === 'not_sent') {
      // It is or may be broken, or leads to a server that takes no writes.
      this.connections.giveBack(client, true);
    } else if (this.closing || this.connections.use().waiting > 0) {
      this.connections.giveBack(client, false);
    } else {
      this.inHand.push(client);
    }
  }

  private onConnectionLost(client: pg.PoolClient, error: Error): void {
    this.broken.add(client);
    const index = this.inHand.indexOf(client);
    if (index < 0) return;
    this.inHand.splice(index, 1);
    this.connections.giveBack(client, true);
    this.options.onIdleConnectionLost(error);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof DatabaseFault && error.reason === 'conflict';
}

/**
 * How values are read: times as texts in RFC 3339, with the microseconds that a Date would drop. What the host of an
 * embedded engine has set for all of its process must not change what a number, a text or an array is here.
 */
const parsers: Record<number, (value: string) => unknown> = {
  [pg.types.builtins.BOOL]: (value) => value === 't',
  [pg.types.builtins.INT4]: Number,
  // As a text: it may be larger than a number can hold exactly.
  [pg.types.builtins.INT8]: String,
  [pg.types.builtins.FLOAT8]: Number,
  [pg.types.builtins.TEXT]: String,
  [pg.types.builtins.UUID]: String,
  [pg.types.builtins.TIMESTAMPTZ]: toRfc3339,
};

const types: pg.CustomTypesConfig = {
  getTypeParser: (type: number, format?: 'text' | 'binary') =>
    parsers[type] ?? pg.types.getTypeParser(type, format as 'text'),
};

// All claims of a batch carry one time, so the last one is nearly always the next one.
let lastTime = { value: '', text: '' };

function toRfc3339(value: string): string {
  if (value !== lastTime.value) {
    lastTime = { value, text: value.replace(' ', 'T').replace('+00', 'Z') };
  }
  return lastTime.text;
}

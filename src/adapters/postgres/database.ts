// SPDX-License-Identifier: GPL-3.0-or-later
import { ExponentialBackoff, handleWhen, type IPolicy, retry } from 'cockatiel';
import pg from 'pg';
import { DatabaseFault, toDatabaseFault } from './pg-error.ts';
import type { Statement } from './statements.ts';

/** How to reach the database, and how long to wait for it. */
export type DatabaseOptions = {
  /** A connection URL; may hold a password. */
  url: string;
  /** Connections kept at most. */
  connectionsMax: number;
  connectTimeoutMs: number;
  /** How long a statement waits for a lock. */
  lockTimeoutMs: number;
  /** After this the server ends a statement. */
  statementTimeoutMs: number;
  /** After this without an answer the connection is given up for lost, whatever the server says later. */
  answerTimeoutMs: number;
  /** Told of connections that broke while nobody used them. */
  onIdleConnectionLost(error: Error): void;
};

/** Connections in all, unused, and allowed, and callers that wait for one. */
export type PoolUse = { total: number; idle: number; waiting: number; max: number };

const attemptsMax = 3;
const closeMsMax = 500;

// Settings that every statement here relies on. Plans must not depend on what a table held when they were made, and the
// warning that the standby did not confirm a commit must come through.
const sessionSettings = [
  'client_min_messages=warning',
  'TimeZone=UTC',
  'DateStyle=ISO',
  'default_transaction_isolation=read\\ committed',
  'enable_seqscan=off',
];

/** Runs statements on a pool of connections, each as a transaction of its own. */
export class Database {
  /** Connections kept at most. */
  readonly connectionsMax: number;
  private readonly pool: pg.Pool;
  private readonly options: Pick<DatabaseOptions, 'onIdleConnectionLost'>;
  private readonly answerTimeoutMs: number;
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
    const { url, settings } = splitSettings(options.url);
    this.pool = new pg.Pool({
      connectionString: url,
      application_name: 'firstcome',
      max: options.connectionsMax,
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: { getTypeParser },
      // The last one of a name counts, so what the statements rely on comes behind what the URL says.
      options: [settings]
        .concat(
          [
            ...sessionSettings,
            `lock_timeout=${options.lockTimeoutMs}`,
            `statement_timeout=${options.statementTimeoutMs}`,
          ].map((setting) => `-c ${setting}`),
        )
        .join(' ')
        .trim(),
    });
    // Without a listener the loss of an idle connection would end the process.
    this.pool.on('error', (error) => {
      if (!this.closing) options.onIdleConnectionLost(error);
    });
    // From the first moment on: the server's farewell may come in the same piece as its welcome.
    this.pool.on('connect', (client) => {
      this.open.add(client);
      client.once('end', () => this.open.delete(client));
      client.on('error', (error) => this.onConnectionLost(client, error));
    });
    this.onConflict = retry(handleWhen(isConflict), {
      maxAttempts: attemptsMax - 2,
      backoff: new ExponentialBackoff({ initialDelay: 5, maxDelay: 100 }),
    });
  }

  /** The rows of one statement, after its commit. Rejects with a `DatabaseFault`. */
  async run<Row extends pg.QueryResultRow>(
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

  use(): PoolUse {
    return {
      total: this.pool.totalCount,
      idle: this.pool.idleCount + this.inHand.length,
      waiting: this.pool.waitingCount,
      max: this.connectionsMax,
    };
  }

  /** Ends all connections when their statements have ended; those that have not after half a second are cut. */
  async close(): Promise<void> {
    this.closing = true;
    for (const client of this.inHand.splice(0)) client.release();
    // Also those that are idle: a server that is frozen never answers their farewell, and the process would not end.
    const timer = setTimeout(() => {
      for (const client of this.open) destroySocket(client);
    }, closeMsMax);
    await this.pool.end();
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
      const result = await client.query<Row>({ ...statement, values });
      if (fault !== undefined) throw fault;
      return result.rows;
    } catch (error) {
      fault ??= toDatabaseFault(error);
      throw fault;
    } finally {
      clearTimeout(timer);
      client.removeListener('notice', onNotice);
      this.inUse.delete(client);
      this.giveBack(client, fault);
    }
  }

  private async connect(): Promise<pg.PoolClient> {
    return await this.pool.connect().catch((error: unknown) => {
      throw new DatabaseFault('not_sent', error);
    });
  }

  /**
   * Keeps the connection in hand for the next statement. The pool would hand it out one turn of the event loop later,
   * and a batch of claims would wait that turn out behind all the answers of the batch before it.
   */
  private giveBack(client: pg.PoolClient, fault: DatabaseFault | undefined): void {
    if (this.broken.has(client) || fault?.reason === 'lost' || fault?.reason === 'not_sent') {
      // It is or may be broken, or leads to a server that takes no writes.
      client.release(true);
    } else if (this.closing || this.pool.waitingCount > 0) {
      client.release();
    } else {
      this.inHand.push(client);
    }
  }

  private onConnectionLost(client: pg.PoolClient, error: Error): void {
    this.broken.add(client);
    const index = this.inHand.indexOf(client);
    if (index < 0) return;
    this.inHand.splice(index, 1);
    client.release(true);
    this.options.onIdleConnectionLost(error);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof DatabaseFault && error.reason === 'conflict';
}

/** The URL without its `options`, which the driver would take instead of ours, and those options. */
function splitSettings(databaseUrl: string): { url: string; settings: string } {
  const url = new URL(databaseUrl);
  const settings = url.searchParams.get('options') ?? '';
  url.searchParams.delete('options');
  return { url: url.href, settings };
}

/** Cuts a connection at once; ending it politely would wait for a server that may never answer. */
function destroySocket(client: pg.PoolClient): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

/** Times are texts in RFC 3339 from here on, with the microseconds that a Date would drop. */
function getTypeParser(type: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (type === pg.types.builtins.TIMESTAMPTZ) return toRfc3339;
  return pg.types.getTypeParser(type, format as 'text');
}

// All claims of a batch carry one time, so the last one is nearly always the next one.
let lastTime = { value: '', text: '' };

function toRfc3339(value: string): string {
  if (value !== lastTime.value) {
    lastTime = { value, text: value.replace(' ', 'T').replace('+00', 'Z') };
  }
  return lastTime.text;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { ExponentialBackoff, handleWhen, type IPolicy, retry } from 'cockatiel';
import type pg from 'pg';
import type { HistoryGuard } from '../../core/history/history-guard.ts';
import type { TraceStatement } from '../../core/tracing.ts';
import { ConnectionPool, type ConnectionPoolOptions } from './connections/connection-pool.ts';
import type { PoolUsage } from './connections/connection-source.ts';
import { destroySocket } from './connections/connection-timeouts.ts';
import { types } from './connections/value-types.ts';
import { isNotPrimary, NotPrimaryError, serverOf } from './connections/verify-session.ts';
import { brokeConnection, DatabaseFault, toDatabaseFault } from './errors/pg-error.ts';
import type { Refusal } from './errors/refusal.ts';
import { UnusableDatabaseError } from './errors/unusable-database-error.ts';
import { HistoryLostError } from './history/history-lost-error.ts';
import {
  DifferentInstallationError,
  type InstallationWatch,
} from './installation/installation-watch.ts';
import { needsDurability, type Statement, statement } from './statements.ts';

/** Where the database is, and how long to wait for it. */
export type DatabaseOptions = ConnectionPoolOptions & {
  /** After this time without an answer the statement counts as lost, and its connection is destroyed. */
  answerTimeoutMs: number;
  /** Undefined: statements are not traced. */
  trace?: TraceStatement | undefined;
};

/** Receives what statements show about the server. */
export type DatabaseListener = {
  /** The server answered a statement, perhaps with a refusal. */
  answered(): void;
  /** A statement could not be run, or its answer was lost. */
  failed(fault: DatabaseFault): void;
  /** The database refused the statement by a rule that no caller can satisfy. */
  refused(statement: Statement, refusal: Refusal): void;
  /** A connection broke, idle or with a statement, or a statement got no answer in time. */
  lostConnection(): void;
  /** The server of a connection is no primary, or no longer the one that is used; others may lead to it too. */
  notPrimary(): void;
  /** A connection got no answer in time; others may hang too. */
  timedOut(): void;
};

const confirmDurability = statement('confirm-durability');

const attemptsMax = 3;
// Callers must not load a standby with new connections while it is being promoted.
const rejectionHoldsMs = 100;

/** Runs statements on a pool of connections, each in its own transaction. */
export class Database {
  /** The largest number of open connections. */
  readonly connectionsMax: number;
  /** After this time without an answer a statement counts as lost. */
  readonly answerTimeoutMs: number;
  private readonly connections: ConnectionPool;
  private readonly confirmsDurability: boolean;
  private readonly trace: TraceStatement | undefined;
  private readonly installation: InstallationWatch | undefined;
  private readonly history: HistoryGuard | undefined;
  private listener: DatabaseListener | undefined;
  private closing = false;
  /** Why the last connection was rejected; undefined again after `rejectionHoldsMs`. */
  private rejection: NotPrimaryError | undefined;
  private readonly onConflict: IPolicy;

  constructor(options: DatabaseOptions) {
    this.connectionsMax = options.connectionsMax;
    this.answerTimeoutMs = options.answerTimeoutMs;
    this.confirmsDurability = options.durabilityMin === 'replicated';
    this.trace = options.trace;
    this.installation = options.session?.installation;
    this.history = options.session?.history;
    this.connections = new ConnectionPool({
      ...options,
      onIdleConnectionLost: (error) => {
        options.onIdleConnectionLost(error);
        this.listener?.lostConnection();
      },
      onMoved: () => this.listener?.notPrimary(),
    });
    this.onConflict = retry(handleWhen(isConflict), {
      maxAttempts: attemptsMax - 2,
      backoff: new ExponentialBackoff({ initialDelay: 5, maxDelay: 100 }),
    });
  }

  /** The server that is in use, and which run of it; undefined before the first connection, and without a guard. */
  get server(): string | undefined {
    return this.history?.server;
  }

  /** Calls the listener from now on. */
  listen(listener: DatabaseListener): void {
    this.listener = listener;
  }

  /**
   * Runs one statement and returns its rows after the commit. Rejects with a `DatabaseFault`; at once while the
   * database is not the one of the start, or has lost acknowledged batches.
   */
  run<Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    const unusable = this.whyUnusable();
    if (unusable !== undefined) return Promise.reject(notSent(unusable));
    const run = () =>
      this.runWithRetries(() => this.runOnce<Row>(statement, values, this.answerTimeoutMs, false));
    return this.trace === undefined ? run() : this.trace(statement, run);
  }

  /**
   * Runs a statement also while `run` rejects: a health check, what a start needs, or a call with which an operator ends the
   * outage. After `answerTimeoutMs`, and that of the pool, the answer counts as lost.
   */
  probe<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: unknown[] = [],
    answerTimeoutMs: number = this.answerTimeoutMs,
  ): Promise<Row[]> {
    // Open connections may still lead to the database that must not be used.
    if (this.whyUnusable() !== undefined) this.dropIdle();
    const timeoutMs = Math.min(answerTimeoutMs, this.answerTimeoutMs);
    return this.runWithRetries(() => this.runOnce<Row>(statement, values, timeoutMs, true));
  }

  private async runWithRetries<Row extends pg.QueryResultRow>(
    runOnce: () => Promise<Row[]>,
  ): Promise<Row[]> {
    // The first try starts now: on an idle connection the statement is sent before this call returns.
    const firstTry = runOnce();
    try {
      return await firstTry;
    } catch (error) {
      // Nothing was stored, and the idle connections are dropped: the retry gets a new, verified connection.
      if (isRefusedByNonPrimary(error)) return await runOnce();
      if (!isConflict(error)) throw error;
      return await this.onConflict.execute(runOnce);
    }
  }

  /** Why `run` rejects every statement now; undefined where it does not. */
  whyUnusable(): UnusableDatabaseError | undefined {
    if (this.installation?.isDifferent) return new DifferentInstallationError();
    return this.history?.isLost ? new HistoryLostError() : undefined;
  }

  usage(): PoolUsage & { max: number } {
    return { ...this.connections.usage(), max: this.connectionsMax };
  }

  /** Ends every idle connection. Running statements continue; later ones get new connections. */
  dropIdle(): void {
    this.connections.dropIdle();
  }

  /** Ends all connections when their statements have ended; after half a second the rest is destroyed. */
  async close(): Promise<void> {
    this.closing = true;
    await this.connections.close();
  }

  private async runOnce<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: unknown[],
    answerTimeoutMs: number,
    isProbe: boolean,
  ): Promise<Row[]> {
    const client = this.connections.takeIdle() ?? (await this.connect());
    // What the new connection showed may be the reason not to use it.
    const unusable = isProbe ? undefined : this.whyUnusable();
    if (unusable !== undefined) {
      this.connections.release(client, false);
      throw notSent(unusable);
    }
    let fault: DatabaseFault | undefined;
    // When the server stops waiting for its standby, it sends this warning before a normal answer.
    const onNotice = (notice: { code?: string | undefined }) => {
      if (notice.code === '01000') {
        fault = new DatabaseFault('lost', new Error('the standby did not confirm the commit'));
      }
    };
    client.on('notice', onNotice);
    const timer = setTimeout(() => {
      fault = new DatabaseFault('lost', new Error('the database did not answer in time'));
      destroySocket(client);
      this.onTimeout();
    }, answerTimeoutMs);
    try {
      const query = { ...statement, values, types };
      const isConfirmed = this.confirmsDurability && needsDurability(statement);
      const result = await (isConfirmed
        ? queryConfirmed<Row>(client, query)
        : client.query<Row>(query));
      if (fault !== undefined) throw fault;
      this.listener?.answered();
      return result.rows;
    } catch (error) {
      fault ??= toDatabaseFault(error);
      fault.session = { server: serverOf(client), processId: processIdOf(client) };
      this.onFault(fault);
      if (fault.refusal !== undefined) this.listener?.refused(statement, fault.refusal);
      throw fault;
    } finally {
      clearTimeout(timer);
      client.removeListener('notice', onNotice);
      // The connection may be broken, or its server accepts no writes.
      const destroy = fault?.reason === 'lost' || fault?.reason === 'not_sent';
      this.connections.release(client, destroy);
    }
  }

  private async connect(): Promise<pg.PoolClient> {
    if (this.rejection !== undefined) throw notSent(this.rejection);
    return await this.connections.connect().catch((error: unknown) => {
      if (error instanceof NotPrimaryError) {
        this.rejection = error;
        setTimeout(() => {
          this.rejection = undefined;
        }, rejectionHoldsMs).unref();
      }
      const fault = notSent(error);
      this.onFault(fault);
      throw fault;
    });
  }

  private onFault(fault: DatabaseFault): void {
    if (this.closing || fault.cause instanceof UnusableDatabaseError) return;
    if (fault.reason === 'lost' || fault.reason === 'not_sent') this.listener?.failed(fault);
    else this.listener?.answered();
    if (brokeConnection(fault)) this.listener?.lostConnection();
    if (!isNotPrimary(fault)) return;
    this.dropIdle();
    this.listener?.notPrimary();
  }

  private onTimeout(): void {
    if (this.closing) return;
    this.connections.doubtServer();
    this.dropIdle();
    this.listener?.timedOut();
  }
}

/**
 * Rejects with a lost answer unless the durability is still what it was. When the standbys of a server are removed from
 * its configuration, commits that wait for one end as if it had confirmed them. The server runs the second statement after
 * the commit of the first, also where both are sent at once, which saves the round trip.
 */
async function queryConfirmed<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  query: pg.QueryConfig,
): Promise<pg.QueryResult<Row>> {
  const answer = client.query<Row>(query);
  // A connection that a host lends takes one statement at a time.
  if (!client.pipeline) await answer;
  const confirming = client.query({ ...confirmDurability, types });
  // The connection is free again when both have ended.
  const [result, confirmed] = await Promise.allSettled([answer, confirming]);
  if (result.status === 'rejected') throw result.reason;
  if (confirmed.status === 'rejected') throw new DatabaseFault('lost', confirmed.reason);
  return result.value;
}

/** The id of the process of a connection on its server, as in `pg_stat_activity`. The types of the driver lack it. */
function processIdOf(client: pg.ClientBase): number {
  return (client as unknown as { processID: number }).processID;
}

function notSent(cause: unknown): DatabaseFault {
  return new DatabaseFault('not_sent', cause);
}

function isConflict(error: unknown): boolean {
  return error instanceof DatabaseFault && error.reason === 'conflict';
}

/** Whether a server that is no primary refused the statement, on a connection that had been verified before. */
function isRefusedByNonPrimary(error: unknown): boolean {
  return (
    error instanceof DatabaseFault &&
    isNotPrimary(error) &&
    !(error.cause instanceof NotPrimaryError)
  );
}

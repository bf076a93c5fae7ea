// SPDX-License-Identifier: GPL-3.0-or-later
import { ExponentialBackoff, handleWhen, type IPolicy, retry } from 'cockatiel';
import type pg from 'pg';
import type { TraceStatement } from '../../core/tracing.ts';
import { destroySocket, type PoolUse } from './connections.ts';
import { type InstallationWatch, OtherInstallationError } from './installation-watch.ts';
import { KeptConnections, type KeptConnectionsOptions } from './kept-connections.ts';
import { DatabaseFault, toDatabaseFault } from './pg-error.ts';
import type { Refusal } from './refusal.ts';
import type { Statement } from './statements.ts';
import { types } from './value-types.ts';
import { isNoPrimary, NoPrimaryError } from './verify-session.ts';

/** Where the database is, and how long to wait for it. */
export type DatabaseOptions = KeptConnectionsOptions & {
  /** After this without an answer the connection is given up for lost, whatever the server says later. */
  answerTimeoutMs: number;
  /** Undefined: nobody looks at single statements. */
  trace?: TraceStatement | undefined;
};

/** Is called with what statements reveal about the server. */
export type DatabaseWatcher = {
  /** A statement was answered, be it with a refusal. */
  answered(): void;
  /** A statement could not be run, or its answer was lost. */
  failed(fault: DatabaseFault): void;
  /** The database refused the statement by a rule that no caller can keep. */
  refused(statement: Statement, refusal: Refusal): void;
  /** A connection broke, idle or with a statement, or a statement got no answer in time. */
  lostConnection(): void;
  /** A connection leads to a server that is no primary; other connections may lead there too. */
  foundNoPrimary(): void;
  /** A connection is silent; others may be too. */
  foundSilence(): void;
};

const attemptsMax = 3;
// A standby may be about to be promoted: callers must not keep it busy with new connections.
const rejectionHoldsMs = 100;

/** Runs statements on a pool of connections, each as a transaction of its own. */
export class Database {
  /** Connections kept at most. */
  readonly connectionsMax: number;
  private readonly connections: KeptConnections;
  private readonly answerTimeoutMs: number;
  private readonly trace: TraceStatement | undefined;
  private readonly installation: InstallationWatch | undefined;
  private watcher: DatabaseWatcher | undefined;
  private closing = false;
  /** Why the last connection was rejected, for a moment after that. */
  private rejection: NoPrimaryError | undefined;
  private readonly onConflict: IPolicy;

  constructor(options: DatabaseOptions) {
    this.connectionsMax = options.connectionsMax;
    this.answerTimeoutMs = options.answerTimeoutMs;
    this.trace = options.trace;
    this.installation = options.session?.installation;
    this.connections = new KeptConnections({
      ...options,
      onIdleConnectionLost: (error) => {
        options.onIdleConnectionLost(error);
        this.watcher?.lostConnection();
      },
    });
    this.onConflict = retry(handleWhen(isConflict), {
      maxAttempts: attemptsMax - 2,
      backoff: new ExponentialBackoff({ initialDelay: 5, maxDelay: 100 }),
    });
  }

  /** Calls the watcher from now on. */
  watch(watcher: DatabaseWatcher): void {
    this.watcher = watcher;
  }

  /**
   * The rows of one statement, after its commit. Rejects with a `DatabaseFault`; at once while the database is not the
   * one of the start.
   */
  run<Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    if (this.installation?.isOther) return Promise.reject(notSent(new OtherInstallationError()));
    if (this.trace === undefined) return this.runWithRetries<Row>(statement, values);
    return this.trace(statement, () => this.runWithRetries<Row>(statement, values));
  }

  /** The rows of a statement that finds out about the server, whichever database it leads to. */
  look<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    // What was opened before may lead elsewhere.
    if (this.installation?.isOther) this.dropIdle();
    return this.runWithRetries<Row>(statement, []);
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
      // Nothing of it is stored, and the idle connections are gone: the next one is new, and verified.
      if (isRefusedByNoPrimary(error)) return await this.runOnce<Row>(statement, values);
      if (!isConflict(error)) throw error;
      return await this.onConflict.execute(() => this.runOnce<Row>(statement, values));
    }
  }

  use(): PoolUse & { max: number } {
    return { ...this.connections.use(), max: this.connectionsMax };
  }

  /** Ends every connection that runs nothing now. Statements under way go on; the next ones get new connections. */
  dropIdle(): void {
    this.connections.dropIdle();
  }

  /** Ends all connections when their statements have ended; those that have not after half a second are cut. */
  async close(): Promise<void> {
    this.closing = true;
    await this.connections.close();
  }

  private async runOnce<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: unknown[],
  ): Promise<Row[]> {
    const client = this.connections.takeAtHand() ?? (await this.connect());
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
      this.onSilence();
    }, this.answerTimeoutMs);
    try {
      const result = await client.query<Row>({ ...statement, values, types });
      if (fault !== undefined) throw fault;
      this.watcher?.answered();
      return result.rows;
    } catch (error) {
      fault ??= toDatabaseFault(error);
      this.onFault(fault);
      if (fault.refusal !== undefined) this.watcher?.refused(statement, fault.refusal);
      throw fault;
    } finally {
      clearTimeout(timer);
      client.removeListener('notice', onNotice);
      // It is or may be broken, or leads to a server that takes no writes.
      const mustEnd = fault?.reason === 'lost' || fault?.reason === 'not_sent';
      this.connections.giveBack(client, mustEnd);
    }
  }

  private async connect(): Promise<pg.PoolClient> {
    if (this.rejection !== undefined) throw notSent(this.rejection);
    return await this.connections.connect().catch((error: unknown) => {
      if (error instanceof NoPrimaryError) {
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
    if (this.closing || fault.cause instanceof OtherInstallationError) return;
    if (fault.reason === 'lost' || fault.reason === 'not_sent') this.watcher?.failed(fault);
    else this.watcher?.answered();
    if (fault.reason === 'lost') this.watcher?.lostConnection();
    if (!isNoPrimary(fault)) return;
    this.dropIdle();
    this.watcher?.foundNoPrimary();
  }

  private onSilence(): void {
    if (this.closing) return;
    this.dropIdle();
    this.watcher?.foundSilence();
  }
}

function notSent(cause: unknown): DatabaseFault {
  return new DatabaseFault('not_sent', cause);
}

function isConflict(error: unknown): boolean {
  return error instanceof DatabaseFault && error.reason === 'conflict';
}

/** Whether the server refused the statement, on a connection that had been verified. */
function isRefusedByNoPrimary(error: unknown): boolean {
  return (
    error instanceof DatabaseFault && isNoPrimary(error) && !(error.cause instanceof NoPrimaryError)
  );
}

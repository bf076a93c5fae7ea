// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { messageOf } from '../error-message.ts';
import type { AcknowledgedBatches } from './acknowledged-batches.ts';
import type {
  AcknowledgedBatch,
  HistoryConnection,
  HistoryFacts,
  HistoryLog,
  SharedBatches,
} from './ports.ts';
import { summaryOfLoss } from './summary-of-loss.ts';

/** What the guard works with. */
export type HistoryGuardOptions = {
  batches: AcknowledgedBatches;
  /** How this process is shown to operators: host and process id. */
  node: string;
  /** Undefined without Redis: only the batches of this process are looked up. */
  shared?: SharedBatches | undefined;
  clock: Pick<Clock, 'nowMs'>;
  log: HistoryLog;
  /**
   * How long a batch may still be acknowledged after it was sent to a server that is no longer the one in use: for this long
   * after a change the batches are looked up again and again.
   */
  answerMsMax: number;
};

const openAgain = 'the database has all acknowledged batches: calls are served again';
const lostText =
  'the database lacks batches that were acknowledged: all calls are refused until `firstcome accept-history`, or until ' +
  'a server is back that has them';
const copyText =
  'a copy has taken the place of the database, and lacks batches that were acknowledged: a service that starts on it ' +
  'refuses all calls until `firstcome accept-history`';
const storedText =
  'a loss of acknowledged batches was found on this database: all calls are refused until `firstcome accept-history`';

/**
 * Refuses to work on a server that lacks batches whose claims were acknowledged. Whenever a new connection leads to another
 * server, another timeline or another run of the server, it looks the last acknowledged batches up there, before the
 * connection is used. If one is missing, `isLost` becomes true in this process, and the missing batches are stored in the
 * database, where all other processes find them. It becomes false as soon as a server has all batches and no stored loss
 * that is not accepted.
 */
export class HistoryGuard {
  /** Whether calls must be refused. */
  isLost = false;
  readonly batches: AcknowledgedBatches;
  readonly node: string;
  private readonly options: HistoryGuardOptions;
  private readonly listeners: (() => void)[] = [];
  private current: string | undefined;
  /** The check of a server that other new connections to it wait for. */
  private checking: { server: string; done: Promise<void> } | undefined;
  /** The copy that was checked last, and how many batches had been acknowledged then. */
  private checkedCopy = '';
  private checkUntilMs = Number.NEGATIVE_INFINITY;
  private isSharedMissed = false;
  /** How many checks have begun, and which of them is the latest that has ended. */
  private begun = 0;
  private concluded = 0;
  /** The missing batches that were logged last, so that a repeated check does not repeat them. */
  private logged = '';
  /** Why the loss could not be stored when that was tried last. */
  private notStoredReason: string | undefined;

  constructor(options: HistoryGuardOptions) {
    this.options = options;
    this.batches = options.batches;
    this.node = options.node;
  }

  /** The server that is in use; undefined before the first connection. Connections to another one must not be used. */
  get server(): string | undefined {
    return this.current;
  }

  /** Calls the listener in the same turn of the event loop in which `server` or `isLost` changes. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /**
   * Checks the server of a new connection, and resolves before the connection is used. Afterwards `isLost` is right for it.
   * Rejects when the connection fails.
   */
  async checkConnection(facts: HistoryFacts, connection: HistoryConnection): Promise<void> {
    if (facts.server === this.current && !this.isLost && !facts.isLossStored) return;
    const shared = this.checking;
    if (shared?.server === facts.server) return await shared.done;
    const checking = { server: facts.server, done: this.check(connection) };
    this.checking = checking;
    try {
      await checking.done;
    } finally {
      if (this.checking === checking) this.checking = undefined;
    }
  }

  /** Checks the server of connections that are in use, about once a second. Rejects when the connection fails. */
  async checkAgain(connection: HistoryConnection): Promise<void> {
    if (this.isLost || this.isCheckDue()) return await this.check(connection);
    const facts = await connection.check([]);
    // A loss that another process has found meanwhile.
    if (facts.isLossStored) await this.check(connection);
  }

  /**
   * Stores on a copy of the database which acknowledged batches it lacks. This process never decides on the copy, but a service
   * that starts on it finds the loss there, also when this process has ended. Rejects when the connection fails.
   */
  async checkCopy(server: string, connection: HistoryConnection): Promise<void> {
    const checked = `${server} ${this.batches.count}`;
    if (this.checkedCopy === checked) return;
    const { missing } = await connection.check(await this.acknowledged());
    if (missing.length > 0) {
      await connection.record(missing);
      this.options.log.error({ server, ...summaryOfLoss(missing) }, copyText);
    }
    this.checkedCopy = checked;
  }

  private isCheckDue(): boolean {
    return this.isSharedMissed || this.options.clock.nowMs() < this.checkUntilMs;
  }

  private async check(connection: HistoryConnection): Promise<void> {
    this.begun += 1;
    const turn = this.begun;
    // First the batches, then the server: each of them was committed before the server is asked.
    const batches = await this.acknowledged();
    const { missing, ...facts } = await connection.check(batches);
    if (missing.length > 0) await this.record(connection, missing);
    // One that began later knows more, for example that the loss is accepted.
    if (turn < this.concluded) return;
    this.concluded = turn;
    this.conclude(facts, missing);
  }

  private async acknowledged(): Promise<AcknowledgedBatch[]> {
    const { shared } = this.options;
    const ofAll = await shared?.read();
    this.isSharedMissed = shared !== undefined && ofAll === undefined;
    const byId = new Map(ofAll?.map((batch) => [batch.batchId, batch]));
    for (const batch of this.batches.list()) byId.set(batch.batchId, batch);
    return [...byId.values()];
  }

  private async record(
    connection: HistoryConnection,
    missing: readonly AcknowledgedBatch[],
  ): Promise<void> {
    try {
      await connection.record(missing);
      this.notStoredReason = undefined;
    } catch (error) {
      // The next check tries again. Meanwhile this process refuses calls on its own.
      const reason = messageOf(error);
      if (reason === this.notStoredReason) return;
      this.notStoredReason = reason;
      this.options.log.warn(
        { reason },
        'the loss of acknowledged batches could not be stored for other processes',
      );
    }
  }

  private conclude(
    { server, isLossStored }: HistoryFacts,
    missing: readonly AcknowledgedBatch[],
  ): void {
    const before = { server: this.current, isLost: this.isLost };
    this.current = server;
    this.isLost = missing.length > 0 || isLossStored;
    const isOther = before.server !== undefined && before.server !== server;
    if (isOther) this.extendChecks();
    this.report(before, missing);
    if (isOther || before.isLost !== this.isLost) for (const listener of this.listeners) listener();
  }

  private report(
    before: { server: string | undefined; isLost: boolean },
    missing: readonly AcknowledgedBatch[],
  ): void {
    const { log } = this.options;
    const servers = { before: before.server, server: this.current };
    if (missing.length > 0) {
      const ids = missing.map(({ batchId }) => batchId).join();
      if (ids !== this.logged || !before.isLost) {
        log.error({ ...servers, ...summaryOfLoss(missing) }, lostText);
      }
      this.logged = ids;
    } else if (this.isLost) {
      if (!before.isLost) log.error(servers, storedText);
    } else if (before.isLost) {
      log.warn(servers, openAgain);
    } else if (before.server !== undefined && before.server !== this.current) {
      log.info(
        servers,
        'the database is on another server, or was restarted: it has all acknowledged batches',
      );
    }
  }

  private extendChecks(): void {
    this.checkUntilMs = this.options.clock.nowMs() + this.options.answerMsMax;
  }
}

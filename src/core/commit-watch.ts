// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimStore } from './claims/ports.ts';
import type { Clock } from './clock.ts';

/** What a `CommitWatch` works with. */
export type CommitWatchOptions = {
  /**
   * Makes one small commit, as durable as that of a decision. Resolves to whether it has committed, and ends by itself. A
   * probe whose predecessor still hangs in the database must not commit, nor wait.
   */
  probe(): Promise<boolean>;
  clock: Pick<Clock, 'nowMs' | 'sleep' | 'atEndOfTurn' | 'every'>;
};

// A commit in this time shows that commits succeed; there is at most one probe in this time.
const freshMs = 1_000;
// More than batches wait for a lock by default, and than they take on a busy machine.
const waitedMsMax = 2_000;
// With the time above, a service finds out about two seconds later that nothing commits any more.
const answerMsMax = 1_000;
// The first probe opens a connection, on a machine that may be busy with starts.
const firstAnswerMsMax = 5_000;
// So long after a write that the server could not store, its commits of nothing prove nothing.
const failureCountsMs = 3_000;
const tickMs = 100;

/**
 * Knows whether the database commits. A decision that has committed lately is the proof, while no batch waits for two seconds
 * for its answer. Otherwise a probe commits something small: it succeeds where a batch only waits for a lock. Both wait for
 * whatever commits wait for: the disk, and a synchronous standby. The probes continue while nobody asks, at most one in a
 * second, one at a time.
 */
export class CommitWatch {
  private readonly options: CommitWatchOptions;
  private readonly stopTicks: () => void;
  /** The batches without an answer, the oldest first. */
  private readonly unanswered = new Set<{ readonly sentMs: number }>();
  private committedMs = Number.NEGATIVE_INFINITY;
  private failedWriteMs = Number.NEGATIVE_INFINITY;
  private probedMs = Number.NEGATIVE_INFINITY;
  private isProbing = false;
  /** Of the last probe: whether it has committed in time. */
  private result: Promise<boolean> = Promise.resolve(false);

  constructor(options: CommitWatchOptions) {
    this.options = options;
    this.stopTicks = options.clock.every(tickMs, () => this.probeIfDue());
  }

  /** A batch is sent. Its answer, or the loss of it, calls what this returns. Called on the hot path. */
  sent(): () => void {
    const batch = { sentMs: this.options.clock.nowMs() };
    this.unanswered.add(batch);
    return () => this.unanswered.delete(batch);
  }

  /** A decision has committed. Called on the hot path. */
  committed(): void {
    this.committedMs = this.options.clock.nowMs();
  }

  /** The server could not store a write, because its disk is full or broken. A commit that stores no row may still succeed. */
  writeFailed(): void {
    this.failedWriteMs = this.options.clock.nowMs();
  }

  /** Whether commits succeed now. Never rejects; resolves within a second, and within five before the first commit. */
  async check(): Promise<boolean> {
    this.probeIfDue();
    // Asked after the wait too: a decision may have committed meanwhile.
    return !this.isWriteFailing() && (this.isFresh() || (await this.result) || this.isFresh());
  }

  /** Sends no further probe. */
  stop(): void {
    this.stopTicks();
  }

  private isFresh(): boolean {
    const nowMs = this.options.clock.nowMs();
    const [oldest] = this.unanswered;
    const waitedMs = oldest === undefined ? 0 : nowMs - oldest.sentMs;
    return nowMs - this.committedMs < freshMs && waitedMs < waitedMsMax;
  }

  private isWriteFailing(): boolean {
    return this.options.clock.nowMs() - this.failedWriteMs < failureCountsMs;
  }

  private probeIfDue(): void {
    const nowMs = this.options.clock.nowMs();
    if (this.isProbing || this.isFresh() || nowMs - this.probedMs < freshMs) return;
    this.probedMs = nowMs;
    this.isProbing = true;
    const answer = this.probe();
    this.result = Promise.race([answer, this.isLate()]);
  }

  private async probe(): Promise<boolean> {
    try {
      const isCommitted = await this.options.probe();
      if (isCommitted) this.committed();
      return isCommitted;
    } catch {
      return false;
    } finally {
      this.isProbing = false;
    }
  }

  private async isLate(): Promise<false> {
    const { clock } = this.options;
    await clock.sleep(Number.isFinite(this.committedMs) ? answerMsMax : firstAnswerMsMax);
    // After a pause of the whole process the answer may have arrived, unread.
    await new Promise<void>((resolve) => clock.atEndOfTurn(resolve));
    return false;
  }
}

/** The same store, whose batches count as unanswered until they are. */
export function watchAnswers(next: ClaimStore, watch: Pick<CommitWatch, 'sent'>): ClaimStore {
  return {
    ...next,
    decideBatch(batch) {
      return next.decideBatch(batch).finally(watch.sent());
    },
    claimMultiCoupon(batches) {
      return next.claimMultiCoupon(batches).finally(watch.sent());
    },
  };
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError, type ErrorCode, type FieldError } from '../errors.ts';
import { type BatchCommand, type BatchOutcome, type BatchResolution, isChange } from './ports.ts';

/** What a decision can be answered with, if not with a fault. */
type Answer = Exclude<BatchOutcome, { outcome: 'no_position' }>;

/**
 * A claim, or a change of one, whose caller waits for the answer. It is answered once; later answers are dropped. It
 * keeps track of whether it may be stored, so that no failure is reported as a refusal while it may be.
 */
export class PendingDecision {
  readonly command: BatchCommand;
  readonly arrivedMs: number;
  readonly answer: Promise<Answer>;
  private readonly onAnswered: () => void;
  private isAnswered = false;
  /** From the sending of a batch with it until it is known that the batch stored nothing. */
  private isMaybeStored = false;
  /** A batch with it is committed, or may be for all that can be known; no failure of a later batch can undo that. */
  private isCommitted = false;
  private resolve!: (outcome: Answer) => void;
  private reject!: (error: AppError) => void;

  constructor(command: BatchCommand, arrivedMs: number, onAnswered: () => void) {
    this.command = command;
    this.arrivedMs = arrivedMs;
    this.onAnswered = onAnswered;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  get answered(): boolean {
    return this.isAnswered;
  }

  get maybeStored(): boolean {
    return this.isMaybeStored;
  }

  /** A batch with it is about to be sent. */
  markSent(): void {
    this.isMaybeStored = true;
  }

  /** The batch stored nothing. */
  markNotStored(): void {
    this.isMaybeStored = this.isCommitted;
  }

  /**
   * The batch was in doubt, and is resolved. A claim that is released already is made final without a row in the ledger,
   * so a void mark does not show that this is not stored.
   */
  markResolved(resolution: BatchResolution): void {
    this.isCommitted ||= resolution.kind === 'committed' || isFinalRelease(this.command);
    this.isMaybeStored = this.isCommitted;
  }

  /** Answers with the outcome. A claim without a position is not stored: one that was stored before is found first. */
  decide(outcome: BatchOutcome): void {
    if (outcome.outcome === 'no_position') {
      this.isMaybeStored = false;
      const detail = 'the coupon has given out its last position';
      this.fail('unavailable', detail, undefined, { refusedByRule: true });
    } else if (this.endWait()) {
      this.resolve(outcome);
    }
  }

  /** Answers with a fault that changed nothing, or with `outcome_unknown` while it may be stored. */
  fail(
    code: ErrorCode,
    detail: string,
    cause?: unknown,
    more: { fields?: FieldError[]; refusedByRule?: boolean } = {},
  ): void {
    if (!this.endWait()) return;
    this.reject(
      this.isMaybeStored
        ? new AppError('outcome_unknown', {
            detail:
              `the database has not confirmed this ${nounOf(this.command)}, so it may be stored; ` +
              `send it again with ${whatRepeats(this.command)}`,
            ...(this.command.claimId !== undefined && { claimId: this.command.claimId }),
            cause,
          })
        : new AppError(code, { detail, cause, ...more }),
    );
  }

  private endWait(): boolean {
    if (this.isAnswered) return false;
    this.isAnswered = true;
    this.onAnswered();
    return true;
  }
}

/** What a caller calls the command. */
export function nounOf(command: BatchCommand): 'claim' | 'change' {
  return isChange(command) ? 'change' : 'claim';
}

function isFinalRelease(command: BatchCommand): boolean {
  return isChange(command) && command.isFinal;
}

/** What makes a second attempt the same one. */
function whatRepeats(command: BatchCommand): string {
  if (!isChange(command)) return 'the same Idempotency-Key';
  return command.change === 'redeem' ? 'its claim_id and the same Idempotency-Key' : 'its claim_id';
}

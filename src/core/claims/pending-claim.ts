// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError, type ErrorCode, type FieldError } from '../errors.ts';
import type { ClaimOutcome } from './claim-outcome.ts';
import type { ClaimAttempt } from './ports.ts';

/** A claim that somebody waits for. It is answered once; later answers fall silent. */
export class PendingClaim {
  readonly attempt: ClaimAttempt;
  readonly arrivedMs: number;
  readonly answer: Promise<ClaimOutcome>;
  answered = false;
  /** True from the sending of a batch that may have stored this claim until that batch is known to be void. */
  maybeStored = false;
  /** True once a batch with this claim is known to be committed; what befalls a later batch does not undo that. */
  sentInCommitted = false;
  private readonly onAnswered: () => void;
  private onOutcome!: (outcome: ClaimOutcome) => void;
  private onFault!: (error: AppError) => void;

  constructor(attempt: ClaimAttempt, arrivedMs: number, onAnswered: () => void) {
    this.attempt = attempt;
    this.arrivedMs = arrivedMs;
    this.onAnswered = onAnswered;
    this.answer = new Promise((resolve, reject) => {
      this.onOutcome = resolve;
      this.onFault = reject;
    });
  }

  /** Tells the outcome. */
  decide(outcome: ClaimOutcome): void {
    if (this.settle()) this.onOutcome(outcome);
  }

  /** Rejects with a fault that changed nothing, or with `outcome_unknown` when this claim may be stored all the same. */
  fail(code: ErrorCode, detail: string, cause?: unknown, fields: FieldError[] = []): void {
    if (!this.settle()) return;
    this.onFault(
      this.maybeStored
        ? new AppError('outcome_unknown', {
            detail:
              'the database was lost before it could tell whether this claim is stored; ' +
              'ask again with the same Idempotency-Key',
            claimId: this.attempt.claimId,
            cause,
          })
        : new AppError(code, { detail, cause, fields }),
    );
  }

  private settle(): boolean {
    if (this.answered) return false;
    this.answered = true;
    this.onAnswered();
    return true;
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimAnswer, ClaimCommand, ClaimOutcome } from '../claims/claim.ts';
import type { ClaimCoupon } from '../claims/claim-coupon.ts';
import { AppError } from '../errors.ts';
import type {
  ClaimQueue,
  DatabaseClock,
  PublishResult,
  TicketMetrics,
  TicketResults,
} from './ports.ts';
import { answerTo, type TicketIds, type TicketProblem, type TicketResult } from './ticket.ts';
import type { TicketWaiters } from './ticket-waiters.ts';

/** What the acceptance works with. */
export type AcceptClaimOptions = {
  queue: Pick<ClaimQueue, 'publish' | 'refusal'>;
  results: Pick<TicketResults, 'address'>;
  ids: Pick<TicketIds, 'create'>;
  databaseClock: DatabaseClock;
  waiters: Pick<TicketWaiters, 'wait' | 'cancel'>;
  metrics: Pick<TicketMetrics, 'accepted' | 'refused' | 'waitEnded'>;
  /** Claims that are not answered yet; one more gets `overloaded`. */
  waitingMax: number;
  /** The trace context of the running request; undefined where it is not traced. */
  traceParent(): string | undefined;
  /** Called with each decision that a claim has waited for. */
  onDecided(couponName: string, outcome: ClaimOutcome['outcome']): void;
};

// Created once, like those of admission: in an overload nearly every claim ends here.
const refusals = {
  full: new AppError('overloaded', { detail: 'too many claims wait in the queue' }),
  away: new AppError('unavailable', { detail: 'the queue of claims cannot be reached' }),
  waiting: new AppError('overloaded', { detail: 'too many claims are waiting' }),
};

/**
 * Puts claims into the queue, where they wait for their decision, instead of a lane. A claim whose decision arrives within
 * its `waitMs` is answered with it, as one that went to a lane; another one with its ticket, once the queue has stored it.
 */
export function acceptClaimWith(options: AcceptClaimOptions): ClaimCoupon {
  const { databaseClock, metrics, queue, waitingMax } = options;
  let unanswered = 0;
  const parts: AcceptanceParts = {
    ...options,
    onAnswered() {
      unanswered -= 1;
    },
  };
  return (command) => {
    const refusal = queue.refusal();
    if (refusal !== undefined) {
      metrics.refused(refusal);
      return Promise.reject(refusals[refusal]);
    }
    if (unanswered >= waitingMax) return Promise.reject(refusals.waiting);
    unanswered += 1;
    const acceptedAtMs = databaseClock.nowMs();
    if (acceptedAtMs !== undefined) return new Acceptance(parts, command, acceptedAtMs).answer;
    return measure(databaseClock).then(
      (nowMs) => new Acceptance(parts, command, nowMs).answer,
      (error) => {
        parts.onAnswered();
        throw error;
      },
    );
  };
}

async function measure(databaseClock: DatabaseClock): Promise<number> {
  try {
    return await databaseClock.measure();
  } catch (cause) {
    throw new AppError('unavailable', { detail: 'the database cannot be reached', cause });
  }
}

type AcceptanceParts = AcceptClaimOptions & {
  /** Called once for each claim. */
  onAnswered(): void;
};

/**
 * A claim that is published and waits. The wait begins before the claim is sent: its decision may arrive before the queue has
 * confirmed it, and also where no confirm comes.
 */
class Acceptance {
  readonly answer: Promise<ClaimAnswer>;
  private readonly parts: AcceptanceParts;
  private readonly command: ClaimCommand;
  private readonly acceptedAtMs: number;
  private published: PublishResult | undefined;
  private isWaitOver: boolean;
  private isAnswered = false;
  private onResult: ((result: TicketResult | undefined) => void) | undefined;
  private resolve!: (answer: ClaimAnswer) => void;
  private reject!: (fault: AppError) => void;

  constructor(parts: AcceptanceParts, command: ClaimCommand, acceptedAtMs: number) {
    const { queue, results, traceParent, waiters } = parts;
    const { claimId, couponName, userId, idempotencyKey, waitMs = 0 } = command;
    this.parts = parts;
    this.command = command;
    this.acceptedAtMs = acceptedAtMs;
    this.isWaitOver = waitMs <= 0;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (!this.isWaitOver) {
      this.onResult = (result) => this.waitEnded(result);
      waiters.wait(claimId, waitMs, this.onResult);
    }
    // Without spreads: this runs for each claim of a spike.
    const published = queue.publish({
      claimId,
      acceptedAtMs,
      couponName,
      userId,
      idempotencyKey,
      attempts: 0,
      replyTo: this.isWaitOver ? undefined : results.address,
      traceParent: traceParent(),
    });
    void published.then((result) => this.wasPublished(result));
  }

  private wasPublished(result: PublishResult): void {
    const { metrics, waiters } = this.parts;
    this.published = result;
    if (result === 'confirmed') metrics.accepted();
    else metrics.refused(result);
    if (result === 'full' || result === 'away') {
      if (this.onResult !== undefined) waiters.cancel(this.command.claimId, this.onResult);
      this.fail(refusals[result]);
    } else if (this.isWaitOver) this.answerWithoutDecision();
  }

  private waitEnded(result: TicketResult | undefined): void {
    if (result === undefined) {
      this.isWaitOver = true;
      if (this.published !== undefined) this.answerWithoutDecision();
      return;
    }
    const { metrics, onDecided } = this.parts;
    metrics.waitEnded(result.state);
    if (result.state !== 'decided') {
      this.fail(faultOf(result));
      return;
    }
    onDecided(this.command.couponName, result.outcome.outcome);
    this.succeed({ ...result.outcome, isOfTicket: true });
  }

  private answerWithoutDecision(): void {
    if (this.isAnswered) return;
    const { ids, metrics } = this.parts;
    const { claimId, userId } = this.command;
    const ticketId = ids.create({ claimId, acceptedAtMs: this.acceptedAtMs }, userId);
    if (this.published === 'unknown') {
      this.fail(maybeAccepted(claimId, ticketId));
    } else {
      metrics.waitEnded('accepted');
      this.succeed({ outcome: 'accepted', ticketId });
    }
  }

  private succeed(answer: ClaimAnswer): void {
    if (this.hasEnded()) this.resolve(answer);
  }

  private fail(fault: AppError): void {
    if (this.hasEnded()) this.reject(fault);
  }

  private hasEnded(): boolean {
    if (this.isAnswered) return false;
    this.isAnswered = true;
    this.parts.onAnswered();
    return true;
  }
}

function maybeAccepted(claimId: string, ticketId: string): AppError {
  return new AppError('outcome_unknown', {
    detail:
      'the queue did not confirm the claim, so it may be decided later; read its ticket, or send the claim again with ' +
      'the same Idempotency-Key',
    ...{ claimId, ticketId },
  });
}

/** The fault that a claim without a decision is answered with. Nothing of it is stored, and nothing ever will be. */
function faultOf(result: Exclude<TicketResult, { state: 'decided' }>): AppError {
  const problem: Partial<TicketProblem> = result.state === 'failed' ? result.problem : {};
  const { detail = 'the claim was not decided in time', fields } = problem;
  const options = { detail, isOfTicket: true, ...(fields !== undefined && { fields }) };
  return new AppError(answerTo(result), options);
}

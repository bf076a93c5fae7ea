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
import type { TicketIds, TicketProblem, TicketResult } from './ticket.ts';
import type { TicketWaiters } from './ticket-waiters.ts';

/** What the acceptance works with. */
export type AcceptClaimOptions = {
  queue: Pick<ClaimQueue, 'publish' | 'refusal'>;
  results: Pick<TicketResults, 'address'>;
  ids: Pick<TicketIds, 'create'>;
  databaseClock: DatabaseClock;
  waiters: Pick<TicketWaiters, 'wait'>;
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
  const onAnswered = () => {
    unanswered -= 1;
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
    const answer =
      acceptedAtMs === undefined
        ? measure(databaseClock).then((nowMs) => accept(options, command, nowMs))
        : accept(options, command, acceptedAtMs);
    // Not a `finally`: that is two more promises for each claim.
    answer.then(onAnswered, onAnswered);
    return answer;
  };
}

async function measure(databaseClock: DatabaseClock): Promise<number> {
  try {
    return await databaseClock.measure();
  } catch (cause) {
    throw new AppError('unavailable', { detail: 'the database cannot be reached', cause });
  }
}

/**
 * Publishes the claim and waits. The wait begins before the claim is sent: its decision may arrive before the queue has
 * confirmed it, and also where no confirm comes.
 */
function accept(
  options: AcceptClaimOptions,
  command: ClaimCommand,
  acceptedAtMs: number,
): Promise<ClaimAnswer> {
  const { ids, metrics, onDecided, queue, results, traceParent, waiters } = options;
  const { claimId, couponName, idempotencyKey, userId, waitMs = 0 } = command;
  const ticketId = () => ids.create({ claimId, acceptedAtMs }, userId);
  return new Promise((resolve, reject) => {
    let published: PublishResult | undefined;
    let isDecided = false;
    let isWaitOver = waitMs <= 0;
    const answerWithoutDecision = () => {
      if (published === 'unknown') {
        reject(maybeAccepted(claimId, ticketId()));
      } else {
        metrics.waitEnded('accepted');
        resolve({ outcome: 'accepted', ticketId: ticketId() });
      }
    };
    const onEnd = (result: TicketResult | undefined) => {
      if (result === undefined) {
        isWaitOver = true;
        if (published !== undefined) answerWithoutDecision();
        return;
      }
      isDecided = true;
      metrics.waitEnded(result.state);
      if (result.state !== 'decided') return reject(faultOf(result));
      onDecided(couponName, result.outcome.outcome);
      resolve(result.outcome);
    };
    const endWait = isWaitOver ? undefined : waiters.wait(claimId, waitMs, onEnd);
    void queue
      .publish({
        ...{ claimId, acceptedAtMs, couponName, userId, idempotencyKey, attempts: 0 },
        replyTo: isWaitOver ? undefined : results.address,
        traceParent: traceParent(),
      })
      .then((result) => {
        published = result;
        if (result === 'confirmed') metrics.accepted();
        else metrics.refused(result);
        if (result === 'full' || result === 'away') {
          endWait?.();
          reject(refusals[result]);
        } else if (isWaitOver && !isDecided) answerWithoutDecision();
      });
  });
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
  return result.state === 'expired'
    ? new AppError('overloaded', { detail: 'the claim was not decided in time' })
    : faultOfProblem(result.problem);
}

/** The problem of a failed ticket as a fault. */
function faultOfProblem({ code, detail, fields }: TicketProblem): AppError {
  return new AppError(code, { detail, ...(fields !== undefined && { fields }) });
}

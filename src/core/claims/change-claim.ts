// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import { type AnnouncedChangeOptions, makeAnnouncedChange } from '../stock/announced-change.ts';
import type { AnnouncementWaits } from '../stock/announcement-waits.ts';
import type { ChangeClaimCommand, ChangeClaimOutcome } from './claim.ts';
import type { ChangeDecision, ClaimChangeMetrics, SentChange } from './ports.ts';

/**
 * Confirms, releases or redeems a claim. Resolves with a decision that is committed; rejects with an `AppError` whose
 * code says whether anything may have changed.
 */
export type ChangeClaim = (command: ChangeClaimCommand) => Promise<ChangeClaimOutcome>;

/** Sends a change to the database once. Each optional part of the engine wraps a function of this type. */
export type SendChange = (command: SentChange) => Promise<ChangeDecision>;

/**
 * Changes claims. A release of a claim of a sold-out coupon is announced first, and sent again after the wait; it takes
 * about half a second.
 */
export function changeClaimWith(
  parts: AnnouncedChangeOptions & { send: SendChange; waits: Pick<AnnouncementWaits, 'wait'> },
): ChangeClaim {
  const { send, waits } = parts;
  return async (command) => {
    const decision = await makeAnnouncedChange(
      (announcement) => send({ ...command, announcement }),
      parts,
      (announcement) => waits.wait(command.couponName, announcement),
    );
    if (decision.outcome === 'not_finished') throw notFinished();
    return decision;
  };
}

/** Counts every answer by its outcome or by the code of its fault. */
export function withChangeMetrics(
  changeClaim: ChangeClaim,
  { changeAnswered }: ClaimChangeMetrics,
): ChangeClaim {
  return async (command) => {
    try {
      const outcome = await changeClaim(command);
      changeAnswered(command.change, outcome.outcome);
      return outcome;
    } catch (error) {
      changeAnswered(command.change, error instanceof AppError ? error.code : 'internal');
      throw error;
    }
  };
}

function notFinished(): AppError {
  return new AppError('unavailable', {
    detail: 'run `firstcome migrate --finish` once all services are of this release',
  });
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { BatchedClaim } from './batched-claim.ts';
import { answered, type Ending, unanswered } from './ending.ts';
import { FirstcomeError } from './errors.ts';
import { type Answer, isProblem, type Lost } from './send.ts';

type Entry = {
  status: number;
  replayed?: boolean;
  retry_after?: number;
  location?: string;
  coupon_name?: string;
  user_id?: string;
};

/**
 * Calls `take` with the ending of each claim of a batch, in order. Throws a `FirstcomeError`, before the first call, if
 * the answer does not fit the batch.
 */
export function readBatchAnswer(
  batch: readonly BatchedClaim[],
  answer: Answer | Lost,
  take: (claim: BatchedClaim, ending: Ending) => void,
): void {
  if ('isLost' in answer) {
    for (const claim of batch) take(claim, unanswered(answer, claim.earlier, 'repeat'));
  } else if (isProblem(answer.body)) {
    for (const claim of batch) take(claim, answered(answer, claim.earlier, 'repeat'));
  } else {
    const entries = entriesOf(batch, answer);
    batch.forEach((claim, place) => {
      take(claim, endingOf(claim, entries[place] as Entry));
    });
  }
}

function endingOf(claim: BatchedClaim, entry: Entry): Ending {
  if (isProblem(entry)) {
    const { status, retry_after: retryAfter } = entry;
    return answered({ status, body: entry, replayed: false, retryAfter }, claim.earlier, 'repeat');
  }
  // What remains is the body that the call of one claim has.
  const { status, replayed = false, location: _, ...body } = entry;
  return { isFinal: true, isKnown: true, status, body, replayed };
}

function entriesOf(batch: readonly BatchedClaim[], { status, body }: Answer): Entry[] {
  const { results } = Object(body);
  const fits =
    Array.isArray(results) &&
    results.length === batch.length &&
    batch.every((claim, place) => isEntryOf(claim, results[place]));
  if (!fits) throw new FirstcomeError('the results are not those of the claims', { status });
  return results;
}

function isEntryOf(claim: BatchedClaim, entry: Entry): boolean {
  return (
    isProblem(entry) ||
    (typeof Object(entry).status === 'number' &&
      entry.coupon_name === claim.entry.coupon_name &&
      entry.user_id === claim.entry.user_id)
  );
}

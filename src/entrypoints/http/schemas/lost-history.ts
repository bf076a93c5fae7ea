// SPDX-License-Identifier: GPL-3.0-or-later
/** What requests and responses about lost history hold. */
import { type Static, Type } from 'typebox';
import type { LostBatch, LostHistory } from '../../../core/history/ports.ts';

import { ref } from './ref.ts';

/** How many batches an answer lists. */
export const listedBatchesMax = 1_000;

const time = (description: string) => Type.String({ format: 'date-time', description });

/** A batch that the database lacks. */
export const LostBatchBody = Type.Object(
  {
    batch_id: Type.String({ format: 'uuid' }),
    coupon_name: Type.String(),
    claims: Type.Integer({ description: 'How many claims the batch had acknowledged.' }),
    changes: Type.Integer({
      description: 'How many confirms, releases and redeems it had acknowledged.',
    }),
    position: Type.Integer({
      description:
        'Of the last of these claims, or of those that were changed. Another user may have this position by now.',
    }),
    user_id: Type.String({ description: 'The user of the same claim.' }),
    acknowledged_at: time('By the clock of the process that acknowledged it.'),
    found_at: time('When the first process found that the database lacks it.'),
    found_by: Type.String({ description: 'Host and process id of that process.' }),
  },
  { $id: 'LostBatch', description: 'A batch that the database lacks.' },
);

/** The loss that no operator has accepted. */
export const LostHistoryBody = Type.Object(
  {
    total: Type.Integer({ description: 'How many batches are known to be lost.' }),
    found_until: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When the last of them was found: what `accept` takes. null where none is lost.',
    }),
    batches: Type.Array(ref(LostBatchBody), {
      description: `The first ${listedBatchesMax}, in the order in which they were acknowledged.`,
    }),
  },
  { $id: 'LostHistory', description: 'The loss that no operator has accepted.' },
);

/** What a call has accepted. */
export const AcceptedHistoryBody = Type.Object(
  { message: Type.String(), accepted: Type.Integer({ description: 'How many batches.' }) },
  { $id: 'AcceptedHistory', description: 'What was accepted.' },
);

/** The body of a loss. */
export function toLostHistoryBody(lost: LostHistory): Static<typeof LostHistoryBody> {
  return {
    ...{ total: lost.total, found_until: lost.foundUntil },
    batches: lost.batches.map(toLostBatchBody),
  };
}

function toLostBatchBody(batch: LostBatch): Static<typeof LostBatchBody> {
  return {
    ...{ batch_id: batch.batchId, coupon_name: batch.couponName },
    ...{ claims: batch.claims, changes: batch.changes, position: batch.position },
    ...{ user_id: batch.userId, acknowledged_at: batch.acknowledgedAt },
    ...{ found_at: batch.foundAt, found_by: batch.foundBy },
  };
}

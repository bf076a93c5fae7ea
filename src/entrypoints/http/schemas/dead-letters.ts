// SPDX-License-Identifier: GPL-3.0-or-later
/** What requests and responses about dead letters hold. */
import { type Static, Type } from 'typebox';
import {
  changedMax,
  type DeadLetterView,
  type HandledDeadLetters,
  listedBytesMax,
} from '../../../core/tickets/dead-letters.ts';
import { NextCursor, PathText } from './fields.ts';
import { ref } from './ref.ts';

/** The path of one dead letter. An id that none can have is just not found. */
export const DeadLetterParams = Type.Object({ id: PathText });

/** Which dead letters a call changes, and whether it changes them at all. */
export const selectionFields = {
  ids: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: changedMax })),
  all: Type.Optional(Type.Boolean({ enum: [true] })),
  dry_run: Type.Optional(
    Type.Boolean({
      default: false,
      description: 'Changes nothing, and returns what would be done.',
    }),
  ),
};

const textOrNull = (description: string, more: object = {}) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...more });
const ofClaim = 'null where the letter holds no claim that can be decided.';

/** A dead letter. */
export const DeadLetterBody = Type.Object(
  {
    dead_letter_id: Type.String({
      description: 'Made from what the letter holds: letters that are equal in all share it.',
    }),
    reason: Type.String({ description: 'Why it is a dead letter.' }),
    died_at: textOrNull('When it became one; null where it does not say.', { format: 'date-time' }),
    unreadable: textOrNull(
      'Why it holds no claim that can be decided: then it can only be read and discarded. null: it can be redriven.',
    ),
    claim_id: textOrNull(ofClaim),
    coupon_name: textOrNull(ofClaim),
    user_id: textOrNull(ofClaim),
    accepted_at: textOrNull(ofClaim, { format: 'date-time' }),
    size_bytes: Type.Integer(),
    body: Type.Unsafe<{ encoding: 'utf8' | 'base64'; text: string } | null>({
      type: ['object', 'null'],
      properties: {
        encoding: { type: 'string', enum: ['utf8', 'base64'] },
        text: { type: 'string' },
      },
      required: ['encoding', 'text'],
      description:
        `The message as it came, \`base64\` where it is no text. null where it is too large: in a list beyond ${listedBytesMax} ` +
        'bytes, else beyond 16 MiB.',
    }),
  },
  { $id: 'DeadLetter', description: 'The dead letter.' },
);

/** A page of dead letters. */
export const DeadLetterPageBody = Type.Object(
  {
    dead_letters: Type.Array(ref(DeadLetterBody)),
    total: Type.Integer({ description: 'How many there are in all.' }),
    next_cursor: NextCursor,
  },
  { $id: 'DeadLetterPage', description: 'A page of dead letters.' },
);

/** What a call has done with dead letters. */
export const HandledBody = Type.Object(
  {
    message: Type.String(),
    dry_run: Type.Boolean(),
    done: Type.Integer({ description: 'How many letters were changed, or would be.' }),
    refused_count: Type.Integer({
      description: 'How many cannot be redriven, since they hold no claim that can be decided.',
    }),
    refused: Type.Array(Type.Object({ dead_letter_id: Type.String(), reason: Type.String() }), {
      description: 'The first 100 of them.',
    }),
    not_found: Type.Array(Type.String(), { description: 'Ids without a dead letter.' }),
    left: Type.Integer({
      description: `How many of the chosen letters are still to be done. A call does at most ${changedMax}: call again.`,
    }),
    stopped_by: textOrNull('Why the call has stopped before; null where it has not.'),
  },
  { $id: 'HandledDeadLetters', description: 'What the call has done.' },
);

/** The body of a dead letter. */
export function toDeadLetterBody(letter: DeadLetterView): Static<typeof DeadLetterBody> {
  const { claim } = letter;
  return {
    dead_letter_id: letter.id,
    reason: letter.reason,
    died_at: letter.diedAt ?? null,
    unreadable: letter.unreadable ?? null,
    claim_id: claim?.claimId ?? null,
    coupon_name: claim?.couponName ?? null,
    user_id: claim?.userId ?? null,
    accepted_at: claim === undefined ? null : timeOf(claim.acceptedAtMs),
    size_bytes: letter.sizeBytes,
    body: letter.body ?? null,
  };
}

/** The body of a call that has changed dead letters. */
export function toHandledBody(
  message: string,
  isDryRun: boolean,
  { done, refused, notFound, left, stoppedBy }: HandledDeadLetters,
): Static<typeof HandledBody> {
  return {
    ...{ message, dry_run: isDryRun, done, refused_count: refused.count },
    refused: refused.first.map(({ id, reason }) => ({ dead_letter_id: id, reason })),
    ...{ not_found: notFound, left, stopped_by: stoppedBy ?? null },
  };
}

const dateMsMax = 8.64e15;

/** A message may hold any number. */
function timeOf(ms: number): string | null {
  return ms <= dateMsMax ? new Date(ms).toISOString() : null;
}

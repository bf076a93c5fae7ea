// SPDX-License-Identifier: GPL-3.0-or-later
/** What a call with many claims holds, and its response. */
import { type Static, Type } from 'typebox';
import { idempotencyKeyRule } from '../../../core/input-rules.ts';
import { problems } from '../problems/problem-kinds.ts';
import { numberOf } from './enums.ts';
import { CouponName, UserId } from './fields.ts';
import { ref } from './ref.ts';
import { ClaimBody, ProblemSchema } from './responses.ts';
import { AcceptedTicketBody } from './tickets.ts';

/** The claims that one call may hold. */
export const claimsPerCallMax = 1_000;

/** One claim of a call. */
export const ClaimEntry = Type.Object({
  user_id: UserId,
  coupon_name: CouponName,
  idempotency_key: Type.Optional(
    Type.String({
      ...idempotencyKeyRule,
      description: 'What the header `Idempotency-Key` is for a single claim.',
      examples: ['9d0f6a52-order-17'],
    }),
  ),
});

/** The claims of one call. */
export const ClaimEntries = Type.Object({
  claims: Type.Array(ClaimEntry, { minItems: 1, maxItems: claimsPerCallMax }),
});

const statusOf = 'The status that the single call would have had.';

/** The result of a claim that was made. */
export const ClaimedResult = Type.Object(
  {
    status: numberOf([200], statusOf),
    ...ClaimBody.properties,
    replayed: Type.Optional(
      Type.Boolean({
        description: 'true where the single call would have had `Idempotency-Replayed`.',
      }),
    ),
  },
  { $id: 'ClaimedResult', description: 'The claim was made.' },
);

/** The result of a claim that waits in the queue. */
export const AcceptedResult = Type.Object(
  {
    status: numberOf([202], statusOf),
    ...AcceptedTicketBody.properties,
    location: Type.String({ description: 'What `Location` of the single call would have been.' }),
  },
  { $id: 'AcceptedResult', description: 'The claim waits in the queue.' },
);

const statuses = [...new Set(Object.values(problems).map(({ status }) => status))].sort();

/** The result of a claim that was not made. */
export const ProblemResult = Type.Object(
  {
    ...ProblemSchema.properties,
    status: numberOf(statuses, statusOf),
    retry_after: Type.Optional(
      Type.Integer({ description: 'What `Retry-After` of the single call would have been.' }),
    ),
  },
  {
    ...{ $id: 'ProblemResult', additionalProperties: true },
    description: 'The claim was not made, or its outcome is unknown.',
  },
);

/** The result of one claim. `status` says which of the three it is. */
export const ClaimResult = Type.Unsafe<
  Static<typeof ClaimedResult> | Static<typeof AcceptedResult> | Static<typeof ProblemResult>
>({
  $id: 'ClaimResult',
  description:
    'The body that the single call would have had, with its `status`: a claim (200), a ticket (202) or a problem.',
  oneOf: [ref(ClaimedResult), ref(AcceptedResult), ref(ProblemResult)],
});

/** The results of one call. */
export const ClaimResultsBody = Type.Object(
  {
    results: Type.Array(ref(ClaimResult), {
      description: 'One result for each claim, in the same order.',
    }),
  },
  { $id: 'ClaimResults', description: 'The results.' },
);

/** The schemas that have a name in OpenAPI. */
export const batchCallSchemas = [
  ...[ClaimedResult, AcceptedResult, ProblemResult, ClaimResult, ClaimResultsBody],
];

// SPDX-License-Identifier: GPL-3.0-or-later
/** What a call with many claims holds, and its response. */
import { Type } from 'typebox';
import { idempotencyKeyRule } from '../../../core/input-rules.ts';
import { CouponName, UserId } from './fields.ts';

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

/** The result of one claim. */
export const ClaimResult = Type.Object(
  {
    status: Type.Integer({ description: 'The status that the single call would have had.' }),
    replayed: Type.Optional(
      Type.Boolean({
        description: 'true where the single call would have had `Idempotency-Replayed`.',
      }),
    ),
    retry_after: Type.Optional(
      Type.Integer({ description: 'What `Retry-After` of the single call would have been.' }),
    ),
    location: Type.Optional(
      Type.String({ description: 'What `Location` of the single call would have been.' }),
    ),
  },
  {
    $id: 'ClaimResult',
    additionalProperties: true,
    description:
      'The body that the single call would have had, with its `status`: a claim (200), a ticket (202) or a problem.',
  },
);

/** The results of one call. */
export const ClaimResultsBody = Type.Object(
  {
    results: Type.Array(Type.Unsafe({ $ref: 'ClaimResult#' }), {
      description: 'One result for each claim, in the same order.',
    }),
  },
  { $id: 'ClaimResults' },
);

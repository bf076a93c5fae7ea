// SPDX-License-Identifier: GPL-3.0-or-later
/** The bodies of responses. */
import { STATUS_CODES } from 'node:http';
import { type Static, Type } from 'typebox';
import { problemMediaType } from '../problems/problem.ts';
import { ClaimState, CouponState, ErrorCodeName, enumOf, SagaState } from './enums.ts';
import {
  ClaimsPerUserMax,
  Description,
  HoldSeconds,
  NextCursor,
  PauseReason,
  SagaName,
  StockLowAt,
  Title,
  WindowTime,
} from './fields.ts';
import { problemHeaders } from './headers.ts';
import { ref } from './ref.ts';

const couponFields = {
  name: Type.String(),
  amount: Type.Integer({ description: 'Units offered in total.' }),
  remaining_amount: Type.Integer({ description: 'Units that no claim holds.' }),
  state: ref(CouponState),
  opens_at: WindowTime,
  closes_at: WindowTime,
  paused: Type.Boolean(),
  archived: Type.Boolean({
    description: 'An archived coupon is closed, whatever its window and pause.',
  }),
  hold_seconds: HoldSeconds,
  claims_per_user_max: ClaimsPerUserMax,
  saga: SagaName,
  stock_low_at: StockLowAt,
  title: Title,
  description: Description,
  pause_reason: PauseReason,
  claims_url: Type.String({ description: 'The path of the claims of this coupon.' }),
};

/** A coupon in a list. */
export const CouponSummaryBody = Type.Object(couponFields, {
  ...{ $id: 'CouponSummary', description: 'A coupon in a list.' },
});

/** A page of coupons. */
export const CouponPageBody = Type.Object(
  { coupons: Type.Array(ref(CouponSummaryBody)), next_cursor: NextCursor },
  { $id: 'CouponPage', description: 'A page of coupons.' },
);

/** A single coupon, from one snapshot of the database. */
export const CouponBody = Type.Object(
  {
    message: Type.Optional(Type.String()),
    ...couponFields,
    claimed_by: Type.Optional(
      Type.Array(Type.String(), {
        description: 'The users who hold a unit, in order of position: the first 1,000.',
      }),
    ),
    claimed_by_hidden: Type.Optional(
      Type.Boolean({
        description:
          'Replaces claimed_by where the caller needs the admin or viewer key and sends neither.',
      }),
    ),
  },
  { $id: 'Coupon', description: 'The coupon.' },
);

/** A time that is left out where it does not apply. */
function optionalTime(description: string) {
  return Type.Optional(
    Type.Unsafe<string | undefined>({ type: 'string', format: 'date-time', description }),
  );
}

/** A stored claim. */
export const ClaimBody = Type.Object(
  {
    message: Type.Optional(Type.String()),
    claim_id: Type.String({ format: 'uuid' }),
    coupon_name: Type.String(),
    user_id: Type.String(),
    position: Type.Integer({
      minimum: 1,
      description:
        'The number of the claim in the order of its coupon. Never given twice: after releases there are gaps, and it may ' +
        'exceed `amount`.',
    }),
    claimed_at: Type.String({ format: 'date-time' }),
    state: ref(ClaimState),
    expires_at: optionalTime('When the hold ends; only while the claim is reserved.'),
    confirmed_at: optionalTime('Only after a confirm.'),
    redeemed_at: optionalTime('Only once it is redeemed.'),
    released_at: optionalTime('Only once it is released.'),
    reason: Type.Optional(
      Type.Unsafe<string | undefined>({
        type: 'string',
        description:
          'Why it was released: `expired` for a hold that ended, else as the caller said.',
      }),
    ),
    saga_id: Type.Optional(
      Type.Unsafe<string | undefined>({
        ...{ type: 'string', format: 'uuid' },
        description:
          'The saga that confirms or releases the claim; only where its coupon names one.',
      }),
    ),
    saga_state: Type.Optional(Type.Unsafe<Static<typeof SagaState> | undefined>(ref(SagaState))),
  },
  { $id: 'Claim', description: 'The claim.' },
);

/** A page of claims. */
export const ClaimPageBody = Type.Object(
  { claims: Type.Array(ref(ClaimBody)), next_cursor: NextCursor },
  { $id: 'ClaimPage', description: 'A page of claims.' },
);

/** A field that is not valid. */
export const FieldErrorBody = Type.Object(
  { field: Type.String(), message: Type.String({ description: 'What is allowed in it.' }) },
  { $id: 'FieldError', description: 'A field that is not valid.' },
);

/** The body of every error. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: ref(ErrorCodeName),
    error: Type.String({ description: 'The text that clients of this API family compare with.' }),
    effect: enumOf(['none', 'unknown'], {
      description: 'none: the call changed nothing. unknown: it may have changed something.',
    }),
    errors: Type.Optional(
      Type.Array(ref(FieldErrorBody), { description: 'With `invalid_request`.' }),
    ),
    claim: Type.Optional(ref(ClaimBody)),
    last_claim: Type.Optional(ref(ClaimBody)),
    claim_id: Type.Optional(Type.String()),
    ticket_id: Type.Optional(Type.String()),
    saga_id: Type.Optional(Type.String()),
    opens_at: Type.Optional(Type.String()),
    trace_id: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'The trace of this request, if traces are enabled.',
      }),
    ),
  },
  {
    $id: 'Problem',
    additionalProperties: true,
    description: 'A problem as RFC 9457 defines it. Programs decide by `code` and `effect`.',
  },
);

/** The errors of a route, for its schema. */
export function problemResponses(...statuses: number[]) {
  const content = { [problemMediaType]: { schema: ref(ProblemSchema) } };
  return Object.fromEntries([
    ...statuses.map((status) => [
      status,
      { description: STATUS_CODES[status], headers: problemHeaders[status], content },
    ]),
    ['default', { description: 'Any other problem', headers: problemHeaders.default, content }],
  ]);
}

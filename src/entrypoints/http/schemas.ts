// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import { amountMax, couponStates } from '../../core/coupons/coupon.ts';
import { errorCodes } from '../../core/errors.ts';
import { idempotencyKeyRule, pathTextRule, textRule, unitsRule } from '../../core/input-rules.ts';
import { problemMediaType } from './problem.ts';

/** What is allowed in each field, as the message of a 400 says it. */
export const allowedIn: Record<string, string> = {
  name: 'must be a text of 1 to 255 characters without control characters, and not . or ..',
  coupon_name: 'must be a text of 1 to 255 characters without control characters',
  user_id: 'must be a text of 1 to 255 characters without control characters, and not . or ..',
  amount: `must be a whole number from 1 to ${amountMax}`,
  add: `must be a whole number from 1 to ${amountMax}`,
  opens_at: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z, or null',
  closes_at: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z, or null',
  paused: 'must be true or false',
  limit: 'must be a whole number from 1 to 1000',
  cursor: 'must be the next_cursor of the page before',
  'Idempotency-Key': 'must be a text of 1 to 255 visible ASCII characters or spaces',
  body: 'must be a JSON object',
};

/** A coupon's name where it is given for the first time. */
export const NewCouponName = Type.String({
  ...pathTextRule,
  description: 'Unique. Any Unicode but control characters; nothing is normalised.',
  examples: ['LAUNCH-2030'],
});

/** A coupon's name where it is asked for. */
export const CouponName = Type.String({ ...textRule, examples: ['LAUNCH-2030'] });

/** Who claims. */
export const UserId = Type.String({
  ...pathTextRule,
  description: "An opaque text of the caller's, the same for the same person.",
  examples: ['user-17'],
});

/** Whose claim is asked for. It may be from a time when `.` and `..` could claim. */
export const HolderId = Type.String(textRule);

/** Units of a coupon. */
export const Units = Type.Integer({ ...unitsRule, examples: [100] });

/** A limit of the sale window. */
export const WindowTime = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  format: 'date-time',
  examples: ['2030-01-31T18:00:00Z'],
});

/** The key of one intent, taken literally. */
export const IdempotencyKeyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      ...idempotencyKeyRule,
      description:
        'Names one intent: asking again with it gets the same answer and changes nothing.',
    }),
  ),
});

/** A text in a path. One that holds what no name can hold is still only not found; but NUL the database refuses. */
export const PathText = Type.String({ pattern: '^[^\\u0000]*$' });

/** The path of one coupon. */
export const CouponParams = Type.Object({ name: PathText });

/** The path of one user's claim. */
export const ClaimParams = Type.Object({ name: PathText, user_id: PathText });

/** An object without further members: a misspelt one would have no effect. */
export function onlyObject<Properties extends TProperties>(
  properties: Properties,
  options: { minProperties?: number } = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/** Which page of a list. */
export const PageQuery = onlyObject({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  cursor: Type.Optional(
    Type.String({ pattern: '^[0-9]{1,18}$', description: 'The `next_cursor` of the page before.' }),
  ),
});

/** No query parameters. */
export const NoQuery = onlyObject({});

const couponFields = {
  name: Type.String(),
  amount: Type.Integer({ description: 'Units offered in all.' }),
  remaining_amount: Type.Integer({ description: 'Units not yet claimed.' }),
  state: Type.Enum([...couponStates]),
  opens_at: WindowTime,
  closes_at: WindowTime,
  paused: Type.Boolean(),
  claims_url: Type.String({ description: 'The path of its claims.' }),
};

/** A coupon in a list. */
export const CouponSummaryBody = Type.Object(couponFields, { $id: 'CouponSummary' });

/** A coupon by itself, as of one snapshot. */
export const CouponBody = Type.Object(
  {
    message: Type.Optional(Type.String()),
    ...couponFields,
    claimed_by: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Who holds it, in order of position: the first 1,000.',
      }),
    ),
    claimed_by_hidden: Type.Optional(
      Type.Boolean({ description: 'Stands for claimed_by where the caller has no admin key.' }),
    ),
  },
  { $id: 'Coupon' },
);

/** A claim that is stored. */
export const ClaimBody = Type.Object(
  {
    message: Type.Optional(Type.String()),
    claim_id: Type.String({ format: 'uuid' }),
    coupon_name: Type.String(),
    user_id: Type.String(),
    position: Type.Integer({ minimum: 1, description: "The place in the coupon's order." }),
    claimed_at: Type.String({ format: 'date-time' }),
  },
  { $id: 'Claim' },
);

/** Every error. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.Enum([...errorCodes], { description: 'For programs.' }),
    error: Type.String({ description: "The text that this API family's clients look for." }),
    effect: Type.Enum(['none', 'unknown'], {
      description: 'none: the call changed nothing. unknown: it may have.',
    }),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), message: Type.String() })),
    ),
    claim: Type.Optional(ref(ClaimBody)),
    claim_id: Type.Optional(Type.String()),
    opens_at: Type.Optional(Type.String()),
    trace_id: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'The trace of this request, where the service is traced.',
      }),
    ),
  },
  { $id: 'Problem', additionalProperties: true },
);

/** The schemas that the others refer to by their `$id`. */
export const sharedSchemas = [CouponSummaryBody, CouponBody, ClaimBody, ProblemSchema];

/** A reference to a shared schema that keeps its type. */
export function ref<Schema extends TSchema & { $id?: string }>(schema: Schema) {
  return Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#` });
}

/** The responses of a route that are problems, for its schema. */
export function problemResponses(...statuses: number[]) {
  const response = (description: string) => ({
    description,
    content: { [problemMediaType]: { schema: ref(ProblemSchema) } },
  });
  return Object.fromEntries([
    ...statuses.map((status) => [status, response('Problem')]),
    ['default', response('Any other problem')],
  ]);
}

/** For routes that need a key where one is set. */
export const keyWhereSet = [{ key: [] }, {}];

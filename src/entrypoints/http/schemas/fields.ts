// SPDX-License-Identifier: GPL-3.0-or-later
/** The fields that requests hold, and what is allowed in each. */
import { type TProperties, Type } from 'typebox';
import { claimStates } from '../../../core/claims/claim.ts';
import { amountMax, couponStates } from '../../../core/coupons/coupon.ts';
import { eventTypes } from '../../../core/events/ports.ts';
import {
  claimsPerUserRule,
  descriptionRule,
  holdSecondsRule,
  idempotencyKeyRule,
  pathTextRule,
  pauseReasonRule,
  releaseReasonRule,
  sagaNameRule,
  stockLowAtRule,
  textRule,
  titleRule,
  unitsRule,
  uuidRule,
} from '../../../core/input-rules.ts';
import { sagaStates } from '../../../core/sagas/saga.ts';
import { ClaimState } from './enums.ts';
import { ref } from './ref.ts';

/** What is allowed in each field, as the message of a 400. */
export const allowedIn: Record<string, string> = {
  name: 'must be a text of 1 to 255 characters without control characters, and not . or ..',
  coupon_name: 'must be a text of 1 to 255 characters without control characters',
  user_id: 'must be a text of 1 to 255 characters without control characters, and not . or ..',
  amount: `must be a whole number from 1 to ${amountMax}`,
  add: `must be a whole number from 1 to ${amountMax}`,
  opens_at: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z, or null',
  closes_at: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z, or null',
  paused: 'must be true or false',
  archived: 'must be true or false',
  hold_seconds: `must be a whole number from 1 to ${holdSecondsRule.maximum}, or null`,
  claims_per_user_max: `must be a whole number from 1 to ${claimsPerUserRule.maximum}`,
  saga: 'must be a text of 1 to 64 characters without control characters, or null',
  stock_low_at: `must be a whole number from 0 to ${amountMax}, or null`,
  title: 'must be a text of at most 120 characters without control characters, or null',
  description:
    'must be a text of at most 2000 characters without control characters but tabs and line breaks, or null',
  pause_reason: 'must be a text of 1 to 255 characters without control characters, or null',
  state: `must be one of ${couponStates.join(', ')}`,
  name_prefix: 'must be a text of 1 to 255 characters without control characters',
  order: 'must be newest',
  limit: 'must be a whole number from 1 to 1000',
  cursor: 'must be the next_cursor of the page before',
  for: 'must be spreadsheet',
  position: `must be a whole number from 1 to ${amountMax}`,
  claim_id: 'must be a UUID',
  reason:
    'must be a text of 1 to 255 characters without control characters; expired and saga are reserved',
  final: 'must be true or false',
  url: 'must be a URL of 1 to 2048 characters without spaces and control characters',
  events: `must be a list of different ones of ${eventTypes.join(', ')}`,
  event_id: 'must be the id of an event',
  since: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z',
  until: 'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z',
  as: 'must be done or compensated',
  ids: 'must be a list of 1 to 1000 ids of dead letters',
  all: 'must be true',
  dry_run: 'must be true or false',
  found_until: 'must be found_until as GET /api/lost-history returns it',
  minutes: 'must be a whole number from 1 to 15',
  note: 'must be a text of 1 to 1000 characters without control characters',
  'Idempotency-Key': 'must be a text of 1 to 255 visible ASCII characters or spaces',
  idempotency_key: 'must be a text of 1 to 255 visible ASCII characters or spaces',
  claims: 'must be a list of 1 to 1000 claims',
  body: 'must be a JSON object',
};

const claimIdToChange = 'must be a text of 1 to 255 characters without control characters';
const stateOfClaim = `must be one of ${claimStates.join(', ')}`;

/** The body of a call that sends events again. */
export const eventsToRedeliver = 'must have either event_id, or since and until';

/** The body of a call that changes dead letters. */
export const deadLettersToChange = 'must have either ids, or all';

/** What is allowed in fields that mean something else in single calls, by `operationId`. */
export const allowedInCall: Record<string, Record<string, string>> = {
  listClaims: { state: stateOfClaim },
  listUserClaims: { state: stateOfClaim },
  confirmClaim: { claim_id: claimIdToChange },
  releaseClaim: { claim_id: claimIdToChange },
  redeemClaim: { claim_id: claimIdToChange },
  redeliverEvents: { body: eventsToRedeliver },
  redriveDeadLetters: { body: deadLettersToChange },
  discardDeadLetters: { body: deadLettersToChange },
  listSagas: { state: `must be one of ${sagaStates.join(', ')}` },
};

/** The name of a new coupon. */
export const NewCouponName = Type.String({
  ...pathTextRule,
  description: 'Unique. Any Unicode without control characters; nothing is normalised.',
  examples: ['LAUNCH-2030'],
});

/** The name of an existing coupon. */
export const CouponName = Type.String({ ...textRule, examples: ['LAUNCH-2030'] });

/** The user who claims. */
export const UserId = Type.String({
  ...pathTextRule,
  description: 'An opaque id that the caller chooses, the same for the same person.',
  examples: ['user-17'],
});

/** The user whose claim is read. Early versions accepted claims of `.` and `..`, so these stay readable. */
export const HolderId = Type.String(textRule);

const claimIdExamples = ['01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40'];

/** The id of a claim. */
export const ClaimId = Type.String({
  ...uuidRule,
  examples: claimIdExamples,
});

/** The claim that a call changes. A text that is no id of a claim is a mismatch, as the id of another claim is. */
export const ClaimIdToChange = Type.String({
  ...textRule,
  description:
    'The claim to change. Always send it: without it the call means the live claim, or else the last one.',
  examples: claimIdExamples,
});

/** Why a caller releases a claim. */
export const ReleaseReason = Type.String({
  ...releaseReasonRule,
  description: 'Kept with the claim. `expired` and `saga` are reserved for the service.',
  examples: ['payment failed'],
});

/** The states of the claims in a list. */
export const StatesOfClaims = statesOfClaims(
  'Repeat it for several states. By default every state but `released`.',
);

/** The same in a list that can be asked for one claim. */
export const StatesOfClaimsOrOne = statesOfClaims(
  'Repeat it for several states. By default every state but `released`; with `position` or `claim_id` every state.',
);

function statesOfClaims(description: string) {
  return Type.Optional(Type.Array(ref(ClaimState), { description }));
}

/** The number of a claim in the order of its coupon. */
export const Position = Type.Integer({ minimum: 1, maximum: amountMax });

/** Units of a coupon. */
export const Units = Type.Integer({ ...unitsRule, examples: [100] });

/** The start or the end of the sale window. */
export const WindowTime = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  format: 'date-time',
  examples: ['2030-01-31T18:00:00Z'],
});

/** How long a claim is reserved. */
export const HoldSeconds = Type.Unsafe<number | null>({
  type: ['integer', 'null'],
  ...holdSecondsRule,
  description:
    'Seconds that a claim is reserved; it must be confirmed before they are over. null: claims are confirmed at once. ' +
    'Fixed at creation.',
  examples: [600],
});

/** How often one user may claim. */
export const ClaimsPerUserMax = Type.Integer({
  ...claimsPerUserRule,
  description:
    'How many claims of this coupon one user can make in all, released ones included, and never two live ones at ' +
    'once. Fixed at creation.',
});

/** The saga of a coupon. */
export const SagaName = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  ...sagaNameRule,
  description:
    'The saga that each claim is the first step of: a name in `SAGAS_FILE`, with `hold_seconds`. It confirms the claim at ' +
    'its end, or undoes its steps and releases it. null: none. Fixed at creation.',
  examples: ['checkout'],
});

/** Where stock counts as low. */
export const StockLowAt = Type.Unsafe<number | null>({
  type: ['integer', 'null'],
  ...stockLowAtRule,
  description:
    'From this number of remaining units down the stock counts as low. Fixed at creation.',
});

/** The title of a coupon. */
export const Title = Type.Unsafe<string | null>({ type: ['string', 'null'], ...titleRule });

/** The description of a coupon. */
export const Description = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  ...descriptionRule,
});

/** Why a sale is paused. */
export const PauseReason = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  ...pauseReasonRule,
  description: 'Why the sale is paused. It stays until it is changed.',
});

/** The key of one intended change, compared byte by byte. */
export const IdempotencyKeyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      ...idempotencyKeyRule,
      description:
        'Identifies one intended change. A repeat with the same key gets the same response and changes nothing.',
    }),
  ),
});

/** A name in a path. One that no coupon or user can have is just not found; only NUL is refused, as PostgreSQL does. */
export const PathText = Type.String({ pattern: '^[^\\u0000]*$' });

/** The path of one coupon. */
export const CouponParams = Type.Object({ name: PathText });

/** The path of one user's claim. */
export const ClaimParams = Type.Object({ name: PathText, user_id: PathText });

/** An object that refuses unknown members: a misspelt one would have no effect. */
export function onlyObject<Properties extends TProperties>(
  properties: Properties,
  options: { minProperties?: number } = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/** The parameters of every page of a list. */
export const pageParameters = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  cursor: cursorOf('^[0-9]{1,18}$'),
};

/** The page of a list. */
export const PageQuery = onlyObject(pageParameters);

/** The cursor of a list. */
export function cursorOf(pattern: string) {
  const description = 'The `next_cursor` of the previous page.';
  return Type.Optional(Type.String({ pattern, description }));
}

/** The `next_cursor` of a page: null after the last one. */
export const NextCursor = Type.Unsafe<string | null>({ type: ['string', 'null'] });

/** No query parameters. */
export const NoQuery = onlyObject({});

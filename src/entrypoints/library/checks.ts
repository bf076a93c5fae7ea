// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks what a host passes, by the rules of the HTTP API. Each check throws an `AppError`, `invalid_request`. */
import { Ajv } from 'ajv';
import { type TProperties, Type } from 'typebox';
import { type ClaimCommand, claimStates } from '../../core/claims/claim.ts';
import type { CouponClaimQuery } from '../../core/claims/ports.ts';
import { amountMax } from '../../core/coupons/coupon.ts';
import type {
  CouponChange,
  CouponTexts,
  FixedMembers,
  NewCoupon,
} from '../../core/coupons/ports.ts';
import { AppError, detailOf, type FieldError } from '../../core/errors.ts';
import {
  claimsPerUserRule,
  descriptionRule,
  foundUntilRule,
  holdSecondsRule,
  idempotencyKeyRule,
  pathTextRule,
  pauseReasonRule,
  stockLowAtRule,
  textRule,
  titleRule,
  unitsRule,
} from '../../core/input-rules.ts';
import { unknownNames } from '../../core/unknown-names.ts';
import { definedMembers } from './defined-members.ts';

/** The name of an existing coupon. */
export const CouponName = Type.String(textRule);
const NewCouponName = Type.String(pathTextRule);
const UserId = Type.String(pathTextRule);
/** A user with a claim. An older release allowed claims by `.` and `..`, so they can be read. */
export const HolderId = Type.String(textRule);
const Units = Type.Integer(unitsRule);
/** The key of one intended change. */
export const IdempotencyKey = Type.Optional(Type.String(idempotencyKeyRule));
const textsOfCoupon = {
  title: Type.Optional(Type.Unsafe({ type: ['string', 'null'], ...titleRule })),
  description: Type.Optional(Type.Unsafe({ type: ['string', 'null'], ...descriptionRule })),
  pauseReason: Type.Optional(Type.Unsafe({ type: ['string', 'null'], ...pauseReasonRule })),
};
const text = 'must be a text of 1 to 255 characters without control characters';
const units = `must be a whole number from 1 to ${amountMax}`;
const pageMax = 1000;

/** What is allowed in each field. */
const allowedIn: Record<string, string> = {
  name: `${text}, and not . or ..`,
  couponName: text,
  userId: `${text}, and not . or ..`,
  amount: units,
  units,
  idempotencyKey: 'must be a text of 1 to 255 visible ASCII characters or spaces',
  paused: 'must be true or false',
  archived: 'must be true or false',
  holdSeconds: `must be a whole number from 1 to ${holdSecondsRule.maximum}, or null`,
  claimsPerUserMax: `must be a whole number from 1 to ${claimsPerUserRule.maximum}`,
  stockLowAt: `must be a whole number from 0 to ${amountMax}, or null`,
  title: 'must be a text of at most 120 characters without control characters, or null',
  description:
    'must be a text of at most 2000 characters without control characters but tabs and line breaks, or null',
  pauseReason: `${text}, or null`,
  afterPosition: `must be a whole number from 0 to ${amountMax}`,
  limit: `must be a whole number from 1 to ${pageMax}`,
  states: `must be a list of ${claimStates.join(', ')}`,
  claimId: text,
  reason: `${text}; expired and saga are reserved`,
  final: 'must be true or false',
  foundUntil: 'must be foundUntil as readLostHistory returns it',
};

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

// `checkWindow` checks these, since JSON Schema has no Date.
const windowMembers = ['opensAt', 'closesAt'];
const addUnits = 'cannot be changed here; add units with addStock';
const isFixed = 'cannot be changed; it is fixed when the coupon is created';
const noSagas = 'is unknown; an embedded engine runs no sagas';
const asUnits = 'is unknown; give the units to add as `units`';

const assertNewCoupon = assertion(
  {
    name: NewCouponName,
    amount: Units,
    holdSeconds: Type.Optional(Type.Unsafe({ type: ['integer', 'null'], ...holdSecondsRule })),
    claimsPerUserMax: Type.Optional(Type.Integer(claimsPerUserRule)),
    stockLowAt: Type.Optional(Type.Unsafe({ type: ['integer', 'null'], ...stockLowAtRule })),
    ...textsOfCoupon,
  },
  { alsoKnown: windowMembers, instead: { saga: noSagas } },
);
const assertName = assertion({ name: CouponName });
// Unknown members of a claim are ignored, as over HTTP.
const assertClaim = assertion({
  couponName: CouponName,
  userId: UserId,
  idempotencyKey: IdempotencyKey,
});
const assertHolder = assertion({ couponName: CouponName, userId: HolderId });
const assertChange = assertion(
  {
    paused: Type.Optional(Type.Boolean()),
    archived: Type.Optional(Type.Boolean()),
    ...textsOfCoupon,
  },
  {
    alsoKnown: windowMembers,
    instead: {
      ...{ name: 'cannot be changed', amount: addUnits, units: addUnits },
      ...{ holdSeconds: isFixed, claimsPerUserMax: isFixed },
      ...{ saga: isFixed, stockLowAt: isFixed },
    },
  },
);
const assertAddition = assertion(
  { name: CouponName, units: Units, idempotencyKey: IdempotencyKey },
  { instead: { amount: asUnits, add: asUnits } },
);
const assertPage = assertion(
  {
    couponName: CouponName,
    afterPosition: Type.Integer({ minimum: 0, maximum: amountMax }),
    limit: Type.Integer({ minimum: 1, maximum: pageMax }),
    states: Type.Optional(Type.Array(Type.Enum([...claimStates]))),
  },
  {},
);

const assertLoss = assertion({ foundUntil: Type.String(foundUntilRule) }, {});

/** When a sale begins and ends; null: no limit. */
export type Window = { opensAt?: Date | null | undefined; closesAt?: Date | null | undefined };

/** The coupon to create. */
export function checkNewCoupon(
  coupon: { name: string; amount: number } & Window & Omit<FixedMembers, 'saga'> & CouponTexts,
): NewCoupon {
  assertNewCoupon(coupon);
  const { name, amount, holdSeconds, claimsPerUserMax, stockLowAt } = coupon;
  const { opensAt = null, closesAt = null } = checkWindow(coupon);
  const fixed = { holdSeconds, claimsPerUserMax, stockLowAt };
  return { name, amount, opensAt, closesAt, ...fixed, ...textsOf(coupon) };
}

function textsOf({ title, description, pauseReason }: CouponTexts): CouponTexts {
  return { title, description, pauseReason };
}

/** The name of the coupon that a call is about. */
export function checkCouponName(name: string): string {
  assertName({ name });
  return name;
}

/** The claim to decide. */
export function checkClaim(command: {
  couponName: string;
  userId: string;
  idempotencyKey?: string | undefined;
}): Omit<ClaimCommand, 'claimId'> {
  assertClaim(command);
  const { couponName, userId, idempotencyKey } = command;
  return { couponName, userId, idempotencyKey };
}

/** The coupon and the user whose claim is read. */
export function checkHolder(couponName: string, userId: string): void {
  assertHolder({ couponName, userId });
}

/** The change to make. */
export function checkChange(
  change: Window & CouponTexts & { paused?: boolean | undefined; archived?: boolean | undefined },
): CouponChange {
  assertChange(change);
  const { paused, archived } = change;
  const checked = { ...checkWindow(change), paused, archived, ...textsOf(change) };
  if (Object.values(checked).every((value) => value === undefined)) {
    const message = `must have at least one of ${Object.keys(checked).join(', ')}`;
    throw invalid([{ field: 'change', message }]);
  }
  return checked;
}

/** The units to add. */
export function checkAddition(addition: {
  name: string;
  units: number;
  idempotencyKey?: string | undefined;
}): { name: string; units: number; idempotencyKey: string | undefined } {
  assertAddition(addition);
  const { name, units, idempotencyKey } = addition;
  return { name, units, idempotencyKey };
}

/** The page to read. */
export function checkPage(
  query: Pick<CouponClaimQuery, 'couponName' | 'states'> & {
    afterPosition?: number | undefined;
    limit?: number | undefined;
  },
): CouponClaimQuery {
  const { couponName, afterPosition = 0, limit = 100, states } = query;
  const page = { couponName, afterPosition, limit, states };
  assertPage({ ...query, ...page });
  return page;
}

/** Until when a loss was found that is accepted. */
export function checkLoss(loss: { foundUntil: string }): string {
  assertLoss(loss);
  return loss.foundUntil;
}

/** The names that this package has for fields of the core and the database. */
const hostNames: Record<string, string> = {
  ...{ user_id: 'userId', coupon_name: 'couponName', opens_at: 'opensAt', closes_at: 'closesAt' },
  ...{ hold_seconds: 'holdSeconds', claims_per_user_max: 'claimsPerUserMax' },
  ...{ stock_low_at: 'stockLowAt', pause_reason: 'pauseReason' },
  add: 'units',
  claim_id: 'claimId',
};

/** Throws the fault again, with this package's names of its fields. */
export function inHostNames(error: unknown): never {
  if (!(error instanceof AppError) || error.fields.length === 0) throw error;
  throw invalid(
    error.fields.map(({ field, message }) => ({
      field: hostNames[field] ?? field,
      message: message.replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => hostNames[name] ?? name),
    })),
  );
}

/**
 * Makes a check that throws a fault with every wrong field. Members that are undefined count as absent. With `others`,
 * which lists further known members, unknown members are refused.
 */
export function assertion(
  fields: TProperties,
  others?: { alsoKnown?: readonly string[]; instead?: Record<string, string> },
): (input: object) => void {
  const validate = ajv.compile(Type.Object(fields));
  const known = [...Object.keys(fields), ...(others?.alsoKnown ?? [])];
  const unknownIn = (input: object) =>
    unknownNames({
      ...{ place: 'the argument', noun: 'member', known, instead: others?.instead },
      given: Object.keys(definedMembers(input)),
    });
  return (input) => {
    const wrong = new Map<string, string>();
    if (!validate(input)) {
      for (const { instancePath, params } of validate.errors ?? []) {
        const [, member] = instancePath.split('/');
        const field = member ?? String(params.missingProperty ?? 'the argument');
        wrong.set(field, allowedIn[field] ?? 'must be an object');
      }
    }
    const unknown = others === undefined || wrong.has('the argument') ? [] : unknownIn(input);
    if (wrong.size === 0 && unknown.length === 0) return;
    throw invalid([...[...wrong].map(([field, message]) => ({ field, message })), ...unknown]);
  };
}

/** As the database takes it: UTC, to the millisecond. */
function checkWindow({ opensAt, closesAt }: Window) {
  const window = { opensAt: toTime('opensAt', opensAt), closesAt: toTime('closesAt', closesAt) };
  if (window.opensAt && window.closesAt && window.closesAt <= window.opensAt) {
    throw invalid([{ field: 'closesAt', message: 'must be later than opensAt' }]);
  }
  return window;
}

function toTime(field: string, time: Date | null | undefined): string | null | undefined {
  if (time === null || time === undefined) return time;
  const year = time instanceof Date ? time.getUTCFullYear() : Number.NaN;
  if (year >= 1 && year <= 9999) return time.toISOString();
  throw invalid([{ field, message: 'must be a Date in the years 1 to 9999, or null' }]);
}

function invalid(fields: FieldError[]): AppError {
  return new AppError('invalid_request', { detail: detailOf(fields), fields });
}

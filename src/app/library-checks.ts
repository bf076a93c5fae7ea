// SPDX-License-Identifier: GPL-3.0-or-later
/** What a program that embeds the engine may hand in, by the rules of the HTTP API. Faults: `invalid_request`. */
import { Ajv } from 'ajv';
import { type TProperties, Type } from 'typebox';
import type { ClaimCommand } from '../core/claims/claim.ts';
import { amountMax } from '../core/coupons/coupon.ts';
import type { CouponChange, NewCoupon } from '../core/coupons/ports.ts';
import { AppError, detailOf, type FieldError } from '../core/errors.ts';
import { unknownNames } from '../core/unknown-names.ts';
import {
  CouponName,
  HolderId,
  IdempotencyKeyHeader,
  NewCouponName,
  Units,
  UserId,
} from '../entrypoints/http/schemas.ts';

const idempotencyKey = IdempotencyKeyHeader.properties['idempotency-key'];
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
  afterPosition: `must be a whole number from 0 to ${amountMax}`,
  limit: `must be a whole number from 1 to ${pageMax}`,
};

const ajv = new Ajv({ allErrors: true });

// Checked by `checkWindow`, as a time here is a Date.
const windowMembers = ['opensAt', 'closesAt'];
const addUnits = 'cannot be changed here; add units with addStock';
const asUnits = 'is unknown; give the units to add as `units`';

const assertNewCoupon = assertion(
  { name: NewCouponName, amount: Units },
  { alsoKnown: windowMembers },
);
const assertName = assertion({ name: CouponName });
// Further members of a claim are ignored, as over HTTP.
const assertClaim = assertion({
  couponName: CouponName,
  userId: UserId,
  idempotencyKey: Type.Optional(idempotencyKey),
});
const assertHolder = assertion({ couponName: CouponName, userId: HolderId });
const assertChange = assertion(
  { paused: Type.Optional(Type.Boolean()) },
  {
    alsoKnown: windowMembers,
    instead: { name: 'cannot be changed', amount: addUnits, units: addUnits },
  },
);
const assertAddition = assertion(
  { name: CouponName, units: Units, idempotencyKey: Type.Optional(idempotencyKey) },
  { instead: { amount: asUnits, add: asUnits } },
);
const assertPage = assertion(
  {
    couponName: CouponName,
    afterPosition: Type.Integer({ minimum: 0, maximum: amountMax }),
    limit: Type.Integer({ minimum: 1, maximum: pageMax }),
  },
  {},
);

/** The limits of a sale window. */
export type Window = { opensAt?: Date | null | undefined; closesAt?: Date | null | undefined };

/** A coupon that can be created. */
export function checkNewCoupon(coupon: { name: string; amount: number } & Window): NewCoupon {
  assertNewCoupon(coupon);
  const { opensAt = null, closesAt = null } = checkWindow(coupon);
  return { name: coupon.name, amount: coupon.amount, opensAt, closesAt };
}

/** A name that a coupon can have. */
export function checkCouponName(name: string): string {
  assertName({ name });
  return name;
}

/** A claim that can be decided. */
export function checkClaim(command: {
  couponName: string;
  userId: string;
  idempotencyKey?: string | undefined;
}): Omit<ClaimCommand, 'claimId'> {
  assertClaim(command);
  const { couponName, userId, idempotencyKey } = command;
  return { couponName, userId, idempotencyKey };
}

/** A claim that can be asked for. */
export function checkHolder(couponName: string, userId: string): void {
  assertHolder({ couponName, userId });
}

/** A change that can be made. */
export function checkChange(change: Window & { paused?: boolean | undefined }): CouponChange {
  assertChange(change);
  const checked = { ...checkWindow(change), paused: change.paused };
  if (Object.values(checked).every((value) => value === undefined)) {
    throw invalid([
      { field: 'change', message: 'must have at least one of opensAt, closesAt, paused' },
    ]);
  }
  return checked;
}

/** Stock that can be added. */
export function checkAddition(addition: {
  name: string;
  units: number;
  idempotencyKey?: string | undefined;
}): { name: string; units: number; idempotencyKey: string | undefined } {
  assertAddition(addition);
  const { name, units, idempotencyKey } = addition;
  return { name, units, idempotencyKey };
}

/** A page that can be asked for. */
export function checkPage(query: {
  couponName: string;
  afterPosition?: number | undefined;
  limit?: number | undefined;
}): { couponName: string; afterPosition: number; limit: number } {
  const { couponName, afterPosition = 0, limit = 100 } = query;
  const page = { couponName, afterPosition, limit };
  assertPage({ ...query, ...page });
  return page;
}

/** Fields that the core and the database know by another name than this package. */
const hostNames: Record<string, string> = {
  ...{ user_id: 'userId', coupon_name: 'couponName', opens_at: 'opensAt', closes_at: 'closesAt' },
  add: 'units',
};

/** Throws the fault again, with the names that fields have in this package. */
export function inHostNames(error: unknown): never {
  if (!(error instanceof AppError) || error.fields.length === 0) throw error;
  throw invalid(
    error.fields.map(({ field, message }) => ({
      field: hostNames[field] ?? field,
      message: message.replaceAll(/\b[a-z]+_[a-z]+\b/g, (name) => hostNames[name] ?? name),
    })),
  );
}

/**
 * Throws where the input breaks the rules; names every wrong field. Members that are undefined count as absent. Unknown
 * members are refused where `others` says what else is known.
 */
function assertion(
  fields: TProperties,
  others?: { alsoKnown?: readonly string[]; instead?: Record<string, string> },
): (input: object) => void {
  const validate = ajv.compile(Type.Object(fields));
  const known = [...Object.keys(fields), ...(others?.alsoKnown ?? [])];
  const unknownIn = (input: object) =>
    unknownNames({
      ...{ place: 'the argument', noun: 'member', known, instead: others?.instead },
      given: Object.keys(withoutUndefined(input)),
    });
  return (input) => {
    const wrong = new Map<string, string>();
    if (!validate(input)) {
      for (const { instancePath, params } of validate.errors ?? []) {
        const field = instancePath.slice(1) || String(params.missingProperty ?? 'the argument');
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

/** The members that are there: one that is undefined counts as absent. */
export function withoutUndefined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function invalid(fields: FieldError[]): AppError {
  return new AppError('invalid_request', { detail: detailOf(fields), fields });
}

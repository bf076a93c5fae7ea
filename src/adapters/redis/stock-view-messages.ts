// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What nodes send each other about stock views, as JSON. Nodes of several releases may share a Redis: each ignores what has
 * another version or another shape.
 */
import { type Coupon, couponStates } from '../../core/coupons/coupon.ts';
import type { SharedStockView } from '../../core/stock/stock-view.ts';

/** Raise it when a member of a coupon is added or changes its meaning. */
const version = 1;
// More than any message: a description has up to 2,000 characters, and a name 255.
const lengthMax = 131_072;

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);

// The compiler rejects the table when a member is missing.
const couponMembers: Record<keyof Coupon, Check> = {
  id: isText,
  name: isText,
  amount: isNumber,
  remainingAmount: isNumber,
  state: (value) => couponStates.some((state) => state === value),
  opensAt: orNull(isText),
  closesAt: orNull(isText),
  paused: isFlag,
  archived: isFlag,
  holdSeconds: orNull(isNumber),
  claimsPerUserMax: isNumber,
  saga: orNull(isText),
  stockLowAt: orNull(isNumber),
  title: orNull(isText),
  description: orNull(isText),
  pauseReason: orNull(isText),
};

const viewMembers = { coupon: isMembers(couponMembers), atMs: isNumber };
const viewMessage = { version: isVersion, view: isMembers(viewMembers), marks: isTexts };
const namesMessage = { version: isVersion, names: isTexts };

/** The message of a view. */
export function encodeView({ view, marks }: SharedStockView): string {
  return JSON.stringify({ version, view, marks });
}

/** Undefined for anything but a view of this version. */
export function decodeView(text: unknown): SharedStockView | undefined {
  const message = decode(text, viewMessage) as SharedStockView | undefined;
  return message && { view: message.view, marks: message.marks };
}

/** The message of the names of wanted coupons. */
export function encodeNames(names: readonly string[]): string {
  return JSON.stringify({ version, names });
}

/** Undefined for anything but a list of names of this version. */
export function decodeNames(text: unknown): string[] | undefined {
  return (decode(text, namesMessage) as { names: string[] } | undefined)?.names;
}

function decode(text: unknown, members: Record<string, Check>): unknown {
  if (typeof text !== 'string' || text.length > lengthMax) return undefined;
  try {
    const message: unknown = JSON.parse(text);
    return isMembers(members)(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

function isVersion(value: unknown): boolean {
  return value === version;
}

function isMembers(members: Record<string, Check>): Check {
  const checks = Object.entries(members);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    checks.every(([name, check]) => check((value as Record<string, unknown>)[name]));
}

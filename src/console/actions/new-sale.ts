// SPDX-License-Identifier: GPL-3.0-or-later
import type { CreateCouponArguments } from '../../client.ts';
import { changedTime, type EnteredTime, entryError } from './time-entry.ts';
import { notWhole, readWholeNumber } from './whole-number.ts';

/** The fields of a new sale that are whole numbers. */
export const numberFields = [
  'amount',
  'hold_seconds',
  'claims_per_user_max',
  'stock_low_at',
] as const;

/** The fields of a new sale that are texts. */
export const textFields = ['name', 'title', 'description', 'saga'] as const;

/** What stands in the fields, by the name that the service has for each. */
export type NewSale = Record<
  (typeof numberFields)[number] | (typeof textFields)[number],
  string
> & {
  opens_at: EnteredTime;
  closes_at: EnteredTime;
};

/** What the fields mean: what to send, or what is wrong with which field before the service is asked. */
export function readNewSale(
  entered: NewSale,
): { args: CreateCouponArguments } | { errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const args: Record<string, unknown> = {};
  for (const field of textFields) if (entered[field] !== '') args[field] = entered[field];
  for (const field of numberFields) {
    if (entered[field].trim() === '') continue;
    args[field] = readWholeNumber(entered[field]);
    if (args[field] === undefined) errors[field] = notWhole;
  }
  for (const field of ['opens_at', 'closes_at'] as const) {
    const error = entryError(entered[field]);
    if (error !== undefined) errors[field] = error;
    const time = changedTime(entered[field], null);
    if (time !== undefined) args[field] = time;
  }
  if (Object.keys(errors).length > 0) return { errors };
  // A name or an amount may be missing. The service says so.
  return { args: args as unknown as CreateCouponArguments };
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** What callers may pass, as keywords of JSON Schema: every entrypoint checks the same rules. */
import { ownReasons } from './claims/claim.ts';
import { amountMax } from './coupons/coupon.ts';

/**
 * A text that names something. No control characters and no lone surrogates: such a name cannot be typed, logged or
 * passed on safely.
 */
export const textRule = { minLength: 1, maxLength: 255, pattern: '^[^\\p{Cc}\\p{Cs}]*$' };

/** A text that can be a segment of a path. HTTP clients resolve `.` and `..` before they send a path. */
export const pathTextRule = { ...textRule, not: { enum: ['.', '..'] } };

/** Why a caller releases a claim. */
export const releaseReasonRule = { ...textRule, not: { enum: [...ownReasons] } };

/** An idempotency key. */
export const idempotencyKeyRule = { pattern: '^[\\x20-\\x7e]{1,255}$' };

/** The id of a claim, as the service gives it. */
export const uuidRule = { pattern: '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' };

/** Until when a loss was found: a time of the database, to the microsecond. */
export const foundUntilRule = {
  pattern:
    '^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}[.][0-9]{6}Z$',
};

/** How long a hold lasts. */
export const holdSecondsRule = { minimum: 1, maximum: 2_592_000 };

/** How many claims one user can make. */
export const claimsPerUserRule = { minimum: 1, maximum: 100 };

/** The name of a saga. */
export const sagaNameRule = { ...textRule, maxLength: 64 };

/** What an operator notes on the end of a saga. */
export const sagaNoteRule = { ...textRule, maxLength: 1000 };

/** A number of remaining units. */
export const stockLowAtRule = { minimum: 0, maximum: amountMax };

/** A title: one line, which may be empty. */
export const titleRule = { maxLength: 120, pattern: textRule.pattern };

/** A description: also with tabs and line breaks. */
export const descriptionRule = { maxLength: 2000, pattern: '^(?:[\\t\\n\\r]|[^\\p{Cc}\\p{Cs}])*$' };

/** Why a sale is paused. */
export const pauseReasonRule = textRule;

/** A number of units. */
export const unitsRule = { minimum: 1, maximum: amountMax };

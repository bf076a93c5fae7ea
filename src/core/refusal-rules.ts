// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Why the database refuses a request that is correct for the API. No caller can correct it; an operator has to.
 * - `sequence`: a new coupon gets an id that is in use.
 * - `leftovers`: rows of a coupon that no longer exists conflict with the new rows.
 * - `foreign`: a constraint or a trigger of another program.
 * - `own`: another constraint of this service.
 * - `value`: a value that the database cannot process.
 */
export const refusalRules = ['sequence', 'leftovers', 'foreign', 'own', 'value'] as const;

/** One of `refusalRules`. */
export type RefusalRule = (typeof refusalRules)[number];

/** Counts statements that the database refused. */
export type RefusalMetrics = {
  /** Called on the hot path: an implementation adds to a number and returns. */
  statementRefused(rule: RefusalRule): void;
};

// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The rules by which the database refuses a change that keeps every rule of the API. No caller can correct such a
 * request; an operator has to.
 * - `sequence`: a new coupon gets an id that is in use.
 * - `leftovers`: rows of a coupon that is gone are in the way.
 * - `foreign`: a constraint or a trigger that this service does not know.
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

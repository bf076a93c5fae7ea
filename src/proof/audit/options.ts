// SPDX-License-Identifier: GPL-3.0-or-later
/** What can become of a claim, as the tables show it. */
export type StoredChange = 'confirmed' | 'redeemed' | 'released' | 'expired';

/** The assumptions of the audit about a run. Times are in milliseconds. */
export type AuditOptions = {
  /** Coupons that clients outside this history may have claimed or changed. */
  foreignCoupons: readonly string[];
  /** How long after an addition of stock a `sold_out` may still be returned. It changes nothing without added stock. */
  soldOutDelayMs: number;
  /** R18: the minimum number of successful claims, or of the units that every run can sell if they are fewer. */
  okClaimsMin: number;
  /**
   * R18: the refusals that claims must have received at least once, as the scenario promises. Undefined requires one of
   * `sold_out` and `already_claimed`.
   */
  refusals: readonly string[] | undefined;
  /** R18: how claims must have ended or changed at least once, as the scenario promises. */
  changes: readonly StoredChange[];
  /** R18: how long after its end a fault may still affect clients. */
  faultFeltMs: number;
  /** R18: a client that waits this long is affected, whatever the answer is. */
  slowMs: number;
  /** R16: the first answer after the last fault must arrive within this time. */
  firstAnswerMs: number;
  /** R16: the share of the answer rate before the faults that must return; 0 turns this check off. */
  goodputShareMin: number;
  /** R16: that share must be back within this time after the last fault. */
  goodputMs: number;
  /** R17: connections may still be reset for this long after a fault. */
  resetGraceMs: number;
  /** R13b: coupons with more claims than this are not searched. */
  searchClaimsMax: number;
  /** R13b: the search of one coupon gives up after this many steps. */
  searchStepsMax: number;
};

/** The defaults. */
export const defaultOptions: AuditOptions = {
  foreignCoupons: [],
  soldOutDelayMs: 0,
  okClaimsMin: 1000,
  refusals: undefined,
  changes: [],
  faultFeltMs: 5000,
  slowMs: 1000,
  firstAnswerMs: 5000,
  goodputShareMin: 0.9,
  goodputMs: 15_000,
  resetGraceMs: 1000,
  searchClaimsMax: 500,
  searchStepsMax: 20_000,
};

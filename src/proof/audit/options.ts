// SPDX-License-Identifier: GPL-3.0-or-later
/** What the audit takes for granted about a run. Times are in milliseconds. */
export type AuditOptions = {
  /** Coupons that somebody besides this history may have claimed or changed. */
  foreignCoupons: readonly string[];
  /** How long after stock was added `sold_out` may still be heard. Without added stock it is never heard wrongly. */
  soldOutDelayMs: number;
  /** R18: at least so many claims ended well, or as many as there were units. */
  okClaimsMin: number;
  /**
   * R18: each of these was heard by a claim at least once, as the scenario promises. Undefined asks for at least one of
   * `sold_out` and `already_claimed`.
   */
  refusals: readonly string[] | undefined;
  /** R18: so long after its end a fault is still felt. */
  faultFeltMs: number;
  /** R18: who waits so long for an answer feels it, whatever the answer is. */
  slowMs: number;
  /** R16: so soon after the last fault something is answered again. */
  firstAnswerMs: number;
  /** R16: the share of the answers a second from before the faults that must come back; 0 does not ask. */
  goodputShareMin: number;
  /** R16: so soon after the last fault that share is back. */
  goodputMs: number;
  /** R17: a connection may still be reset so long after a fault ended. */
  resetGraceMs: number;
  /** R13b: coupons with more claims than this are not searched. */
  searchClaimsMax: number;
  /** R13b: steps after which the search of one coupon gives up. */
  searchStepsMax: number;
};

/** What holds unless a caller says otherwise. */
export const defaultOptions: AuditOptions = {
  foreignCoupons: [],
  soldOutDelayMs: 0,
  okClaimsMin: 1000,
  refusals: undefined,
  faultFeltMs: 5000,
  slowMs: 1000,
  firstAnswerMs: 5000,
  goodputShareMin: 0.9,
  goodputMs: 15_000,
  resetGraceMs: 1000,
  searchClaimsMax: 500,
  searchStepsMax: 20_000,
};

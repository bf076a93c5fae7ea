// SPDX-License-Identifier: GPL-3.0-or-later
/** A sale in one line, for programs. */
import type { CouponState } from '../../client.ts';
import { jsonText, quotedText, shownText } from '../../core/shown-text.ts';
import { isStale, type SaleView } from './sale-view.ts';

/** The members of a line, in this order. Null is unknown. */
export type Reading = {
  /** The clock of the database. */
  at: string;
  coupon_name: string;
  state: CouponState;
  remaining_amount: number;
  amount: number;
  /** Live claims. */
  claimed: number;
  /** In the last second that is known. */
  claims_per_second: number | null;
  refusals_per_second: Record<string, number> | null;
  p50_ms: number | null;
  p99_ms: number | null;
  waiting_claims: number | null;
  sold_out_in_seconds: number | null;
  health: 'healthy' | 'unhealthy' | null;
  health_reason: string | null;
  /** Of the stock. */
  age_seconds: number;
  stale: boolean;
  problem: string | null;
};

/** The reading of a view. */
export function readingOf(view: SaleView): Reading {
  const { overview, lastSecond, health } = view;
  const { coupon } = overview;
  const refusals: Record<string, number> = {};
  for (const { code, perSecond } of lastSecond?.refusals ?? []) {
    refusals[code] = (refusals[code] ?? 0) + perSecond;
  }
  return {
    at: new Date(view.serverMs).toISOString(),
    coupon_name: coupon.name,
    state: coupon.state,
    remaining_amount: coupon.remaining_amount,
    amount: coupon.amount,
    claimed: overview.claimed,
    claims_per_second: lastSecond?.claimed ?? null,
    refusals_per_second: lastSecond === undefined ? null : refusals,
    p50_ms: overview.p50_ms,
    p99_ms: overview.p99_ms,
    waiting_claims: overview.waiting_claims,
    sold_out_in_seconds: view.soldOutInS === undefined ? null : Math.round(view.soldOutInS),
    health: health?.status ?? null,
    health_reason: health?.reason ?? null,
    age_seconds: Math.round(view.stockAgeS * 10) / 10,
    stale: isStale(view),
    problem: view.trouble ?? null,
  };
}

/** A line of `key=value`. A text that a caller or the service chose is in quotes, and what is unknown is `-`. */
export function plainLine(reading: Reading): string {
  const members = Object.entries(reading).map(([key, value]) => `${key}=${shown(key, value)}`);
  return shownText(members.join(' '));
}

/** A line of JSON. */
export function jsonLine(reading: Reading): string {
  return jsonText(reading);
}

const quotedKeys = new Set(['coupon_name', 'problem']);

function shown(key: string, value: Reading[keyof Reading]): string {
  if (value === null) return '-';
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(([code, count]) => `${code}:${count}`);
    return pairs.length === 0 ? '0' : pairs.join(',');
  }
  return quotedKeys.has(key) ? quotedText(String(value)) : String(value);
}

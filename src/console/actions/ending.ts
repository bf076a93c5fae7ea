// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';

// A paused sale stays paused after its closing time. To be closed it has to be resumed in the same change, and then a closing
// time that is a moment ahead, because the clock of the page is not exact, would open it until then.
const marginMs = 2_000;

/** What ends a sale now. */
export function endingOf(
  { paused, opens_at }: Pick<CouponSummary, 'paused' | 'opens_at'>,
  nowMs: number,
): { closes_at: string; paused?: false } {
  if (!paused) return { closes_at: new Date(nowMs).toISOString() };
  const opensMs = opens_at === null ? Number.NEGATIVE_INFINITY : Date.parse(opens_at);
  const closesMs = Math.max(nowMs - marginMs, opensMs + 1);
  return { closes_at: new Date(closesMs).toISOString(), paused: false };
}

/** Why a sale cannot be ended, in words; undefined where it can. */
export function whyNotEnded(
  { archived, state, closes_at }: Pick<CouponSummary, 'archived' | 'state' | 'closes_at'>,
  nowMs: number,
): string | undefined {
  if (archived) return 'An archived sale is closed.';
  if (state === 'scheduled') return 'A sale that has not opened cannot be ended: archive it.';
  if (state === 'closed') return 'The sale is closed already.';
  const isOver = state === 'paused' && closes_at !== null && Date.parse(closes_at) <= nowMs;
  return isOver ? 'The closing time is over already.' : undefined;
}

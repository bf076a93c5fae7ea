// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';

/** What happens to a sale next, or happened last. Without a time there is none. */
export function nextEvent({
  state,
  archived,
  opens_at,
  closes_at,
}: Pick<CouponSummary, 'state' | 'archived' | 'opens_at' | 'closes_at'>): {
  word: string;
  at: string | null;
} {
  if (archived) return { word: 'Archived', at: null };
  if (state === 'scheduled') return { word: 'Opens', at: opens_at };
  if (state === 'closed') return { word: 'Closed', at: closes_at };
  return closes_at === null
    ? { word: 'No closing time', at: null }
    : { word: 'Closes', at: closes_at };
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** What a sale window does, in words. */
import type { CouponState } from '../../client.ts';
import { formatDuration } from '../ui/format.ts';

/** What the state of a sale follows from. Times are in milliseconds since 1970; null: there is no limit. */
export type Schedule = { opensMs: number | null; closesMs: number | null; isPaused: boolean };

/** The state of a sale at a moment, as the database decides it. */
export function stateAt({ opensMs, closesMs, isPaused }: Schedule, nowMs: number): CouponState {
  if (opensMs !== null && opensMs > nowMs) return 'scheduled';
  if (isPaused) return 'paused';
  return closesMs !== null && closesMs <= nowMs ? 'closed' : 'open';
}

/** What happens when the state of a sale is `before` and it gets this window: one sentence each. */
export function scheduleEffect(
  schedule: Schedule,
  { before, nowMs }: { before: CouponState | undefined; nowMs: number },
): string[] {
  const { opensMs, closesMs, isPaused } = schedule;
  if (opensMs !== null && closesMs !== null && closesMs <= opensMs) {
    return ['The sale would close before it opens.'];
  }
  const state = stateAt(schedule, nowMs);
  const sentences: string[] = [];
  if (state === 'scheduled') {
    if (before === 'open') sentences.push('The sale stops now: claims are refused until it opens.');
    sentences.push(`The sale opens ${inTime(opensMs, nowMs)}.`);
  } else if (state === 'open') {
    sentences.push(openEffect(before));
  } else if (state === 'closed') {
    const isClosedAlready = before === 'closed';
    sentences.push(isClosedAlready ? 'The sale stays closed.' : 'The sale closes at once.');
  }
  if (isPaused) {
    sentences.push('The sale is paused: no claim is accepted before it is resumed.');
  }
  if (state !== 'closed') sentences.push(closingEffect(closesMs, nowMs));
  return sentences;
}

function openEffect(before: CouponState | undefined): string {
  if (before === 'open') return 'The sale stays open.';
  return before === 'closed' ? 'The sale opens again at once.' : 'The sale opens at once.';
}

function closingEffect(closesMs: number | null, nowMs: number): string {
  if (closesMs === null) return 'It has no closing time.';
  return closesMs <= nowMs
    ? 'Its closing time is over: after a resume it is closed.'
    : `It closes ${inTime(closesMs, nowMs)}.`;
}

function inTime(momentMs: number | null, nowMs: number): string {
  return momentMs === null ? '' : `in ${formatDuration(momentMs - nowMs)}`;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState } from '../../client.ts';
import { useServerNow } from '../ui/use-now.ts';
import { scheduleEffect } from './schedule-effect.ts';
import type { EnteredTime } from './time-entry.ts';

/** Says what the window that was entered does. */
export function ScheduleEffect({
  opensAt,
  closesAt,
  isPaused,
  before,
}: {
  opensAt: EnteredTime;
  closesAt: EnteredTime;
  isPaused: boolean;
  /** The state of the sale now. Undefined: it does not exist yet. */
  before: CouponState | undefined;
}) {
  const nowMs = useServerNow();
  if (nowMs === undefined || typeof opensAt === 'string' || typeof closesAt === 'string')
    return null;
  const schedule = { opensMs: opensAt, closesMs: closesAt, isPaused };
  return <p class="effect">{scheduleEffect(schedule, { before, nowMs }).join(' ')}</p>;
}

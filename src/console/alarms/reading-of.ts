// SPDX-License-Identifier: GPL-3.0-or-later
import type { Read } from '../ui/use-read.ts';
import type { Reading } from './alarm.ts';

// The service has no such route without what it is for, such as dead letters without a queue.
const absentCodes = ['route_not_found', 'forbidden'];

/** What a read says about its value. After a read that was refused, the value of an earlier one no longer counts. */
export function readingOf<Value>({
  value,
  refusal,
  isReading,
}: Pick<Read<Value>, 'value' | 'refusal' | 'isReading'>): Reading<Value> {
  if (refusal !== undefined) {
    return { state: absentCodes.includes(refusal.outcome) ? 'absent' : 'unknown' };
  }
  if (value !== undefined) return { state: 'known', value };
  return { state: isReading ? 'pending' : 'unknown' };
}

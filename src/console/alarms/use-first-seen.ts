// SPDX-License-Identifier: GPL-3.0-or-later
import { useRef } from 'preact/hooks';
import { serverNowMs } from '../clock.ts';
import type { Alarm } from './alarm.ts';

/** When each of the alarms was seen first, by its id, in milliseconds since 1970. An alarm that has ended is forgotten. */
export function useFirstSeen(alarms: readonly Alarm[]): ReadonlyMap<string, number | undefined> {
  const seen = useRef<ReadonlyMap<string, number | undefined>>(new Map());
  seen.current = new Map(
    alarms.map(({ id }) => [id, seen.current.get(id) ?? serverNowMs()] as const),
  );
  return seen.current;
}

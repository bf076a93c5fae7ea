// SPDX-License-Identifier: GPL-3.0-or-later
import type { Section } from './sections.ts';

/** Something that an operator must know. */
export type Alarm = {
  /** What it is about. One alarm of it at most is shown. */
  id: string;
  /** `critical` is what wakes the operator on call, `warning` what can wait for the day, as the alerts of Prometheus have it. */
  severity: 'critical' | 'warning';
  /** A sentence with the numbers. */
  text: string;
  /** Since when, in milliseconds since 1970, where the data says it. */
  sinceMs?: number;
  /** The section of the documentation that says what to do. */
  section: Section;
};

/** The alarms, and what nobody knows now. Without both, all is well. */
export type AlarmSet = {
  alarms: Alarm[];
  /** What could not be read, by name. */
  unknown: string[];
  /** What is being read for the first time. */
  pending: string[];
};

/** What a read has returned so far. `absent`: the service does not have it, or does not show it to this operator. */
export type Reading<Value> =
  | { state: 'known'; value: Value }
  | { state: 'pending' }
  | { state: 'unknown' }
  | { state: 'absent' };

/** One set of several, the critical alarms first. */
export function joinAlarms(sets: readonly AlarmSet[]): AlarmSet {
  const alarms = sets.flatMap((set) => set.alarms);
  return {
    alarms: [
      ...alarms.filter(({ severity }) => severity === 'critical'),
      ...alarms.filter(({ severity }) => severity === 'warning'),
    ],
    unknown: sets.flatMap(({ unknown }) => unknown),
    pending: sets.flatMap(({ pending }) => pending),
  };
}

/** The alarms that follow from a reading: none while it is pending, unknown or absent. */
export function alarmsFrom<Value>(
  name: string,
  reading: Reading<Value>,
  alarmsOf: (value: Value) => Alarm[],
): AlarmSet {
  return {
    alarms: reading.state === 'known' ? alarmsOf(reading.value) : [],
    unknown: reading.state === 'unknown' ? [name] : [],
    pending: reading.state === 'pending' ? [name] : [],
  };
}

/** What has changed, for those who do not see it: `undefined` where the same alarms are there as before. */
export function announcementOf(
  before: readonly Alarm[],
  after: readonly Alarm[],
): string | undefined {
  const isIn = (list: readonly Alarm[]) => (alarm: Alarm) => list.some(({ id }) => id === alarm.id);
  const isBefore = isIn(before);
  const begun = after.filter((alarm) => !isBefore(alarm)).map(({ text }) => `New alarm: ${text}`);
  const ended = before.length - (after.length - begun.length);
  if (begun.length === 0 && ended === 0) return undefined;
  const left = after.length === 0 ? 'No alarms are left.' : `Alarms: ${after.length}.`;
  return [...begun, ...(ended === 0 ? [] : [`Ended: ${ended}.`]), left].join(' ');
}

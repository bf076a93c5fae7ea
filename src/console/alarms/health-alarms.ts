// SPDX-License-Identifier: GPL-3.0-or-later
/** The alarms that follow from the health of the service. */
import type { Health } from '../../client.ts';
import type { Alarm } from './alarm.ts';
import type { Section } from './sections.ts';

const byReason: Record<NonNullable<Health['reason']> | 'none', [text: string, section: Section]> = {
  none: ['The database cannot decide claims. Callers get 503.', 'firstcomedatabasedown'],
  installation_changed: [
    'The database is not the one that the service was started on. All calls get 503.',
    'firstcomedatabasedown',
  ],
  history_lost: [
    'The database lacks claims that were acknowledged. All calls get 503.',
    'firstcomehistorylost',
  ],
  commits_stalled: [
    'The database answers, but commits nothing. Claims get 503.',
    'firstcomecommitsstalled',
  ],
  durability_too_low: [
    'The database commits less durably than DURABILITY_MIN demands. Claims get 503.',
    'firstcomedurabilitytoolow',
  ],
};

/** From the lowest to the highest. */
const levels = ['unsafe', 'local', 'replicated'] as const;

/** A level of durability. */
export type Durability = (typeof levels)[number];

/** The higher of two levels. */
export function higherDurability(
  one: Durability | undefined,
  other: Durability | undefined,
): Durability | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return levels.indexOf(one) > levels.indexOf(other) ? one : other;
}

/** `highest` is the highest level of durability that this page has seen. */
export function healthAlarms(health: Health, highest: Durability | undefined): Alarm[] {
  const alarms: Alarm[] = [];
  if (health.status === 'unhealthy') {
    const [text, section] = byReason[health.reason ?? 'none'];
    alarms.push({ id: 'database', severity: 'critical', text, section });
  }
  if (health.queue === 'away') {
    alarms.push({
      ...{ id: 'queue', severity: 'critical', section: 'firstcomequeueaway' },
      text: 'RabbitMQ is away or takes no messages. No claim can be queued.',
    });
  }
  const { durability } = health;
  if (durability !== undefined && highest !== undefined) {
    const hasDropped = levels.indexOf(durability) < levels.indexOf(highest);
    const text = hasDropped
      ? `The durability of the database has dropped from ${highest} to ${durability}.`
      : 'Acknowledged claims do not survive a crash of the database: its durability is unsafe.';
    if (hasDropped || durability === 'unsafe') {
      const section = 'firstcomedurabilitydropped';
      alarms.push({ id: 'durability', severity: 'warning', text, section });
    }
  }
  return alarms;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The alarms of the service, which are not of one sale. They have the conditions and the severity of the alerts in
 * deploy/prometheus, but no time that a condition must last: who looks at the page is not woken by it.
 */
import type { Delivery, Health, Webhook } from '../../client.ts';
import { formatCount, formatDuration } from '../ui/format.ts';
import { type Alarm, type AlarmSet, alarmsFrom, joinAlarms, type Reading } from './alarm.ts';
import { type Durability, healthAlarms } from './health-alarms.ts';
import { dropsIn, type NodeMetrics, newestOf } from './node-metrics.ts';

/** What the page has read of the service. */
export type ServiceFacts = {
  health: Reading<Health>;
  /** The highest level of durability that the page has seen. */
  highestDurability: Durability | undefined;
  /** The reads of the last five minutes. */
  metrics: Reading<readonly NodeMetrics[]>;
  webhooks: Reading<WebhookFacts[]>;
  /** How many there are. */
  deadLetters: Reading<number>;
};

/** A webhook and its newest deliveries. */
export type WebhookFacts = { webhook: Webhook; deliveries: readonly Delivery[] };

/** Limits of the alerts FirstcomeEventsUndelivered. */
export const [undeliveredSecondsMax, relayLagSecondsMax] = [600, 60];

/** The alarms that follow from these facts, and what is not known. */
export function serviceAlarmsOf(facts: ServiceFacts): AlarmSet {
  const { health, highestDurability, metrics, webhooks, deadLetters } = facts;
  const set = joinAlarms([
    alarmsFrom('health of the database', health, (value) => healthAlarms(value, highestDurability)),
    alarmsFrom('metrics of the service', metrics, metricAlarms),
    alarmsFrom('stock difference', differenceOf(metrics), differenceAlarms),
    alarmsFrom('webhooks', webhooks, webhookAlarms),
    alarmsFrom('dead letters', deadLetters, deadLetterAlarms),
  ]);
  // Health and metrics both show a drop of the durability.
  const isFirst = ({ id }: Alarm, index: number) =>
    set.alarms.findIndex((alarm) => alarm.id === id) === index;
  return { ...set, alarms: set.alarms.filter(isFirst) };
}

/** Where the node that answered does not run the stock check, and no other one has answered lately, it is unknown. */
function differenceOf(metrics: Reading<readonly NodeMetrics[]>): Reading<number> {
  // The line that says that the metrics are unknown is enough.
  if (metrics.state !== 'known') return { state: 'absent' };
  const value = newestOf(metrics.value, 'stockDifference');
  return value === undefined ? { state: 'unknown' } : { state: 'known', value };
}

function differenceAlarms(units: number): Alarm[] {
  if (units === 0) return [];
  return [
    {
      ...{ id: 'difference', severity: 'critical', section: 'firstcomedifferences' },
      text: `Stock, claims and ledger disagree by ${formatCount(units)} units, over all coupons.`,
    },
  ];
}

function metricAlarms(kept: readonly NodeMetrics[]): Alarm[] {
  const alarms: Alarm[] = [];
  const inDoubt = kept.at(-1)?.batchesInDoubt ?? 0;
  if (inDoubt > 0) {
    alarms.push({
      ...{ id: 'in-doubt', severity: 'critical', section: 'firstcomebatchesindoubt' },
      text: `Batches in doubt on the node that answered: ${formatCount(inDoubt)}. Their coupons sell nothing until the database shows whether they committed.`,
    });
  }
  if (dropsIn(kept) > 0) {
    alarms.push({
      ...{ id: 'durability', severity: 'warning', section: 'firstcomedurabilitydropped' },
      text: 'The durability of the database has dropped in the last 5 minutes.',
    });
  }
  const waits = [
    [newestOf(kept, 'undeliveredSeconds'), undeliveredSecondsMax, 'have not reached a webhook for'],
    [newestOf(kept, 'relayLagSeconds'), relayLagSecondsMax, 'are not made from changes since'],
  ] as const;
  for (const [seconds = 0, max, what] of waits) {
    if (seconds <= max) continue;
    alarms.push({
      ...{ id: 'undelivered', severity: 'warning', section: 'firstcomeeventsundelivered' },
      text: `Events ${what} ${formatDuration(seconds * 1_000)}.`,
    });
  }
  return alarms;
}

function webhookAlarms(webhooks: readonly WebhookFacts[]): Alarm[] {
  const alarms: Alarm[] = [];
  const disabledMs = webhooks.flatMap(({ webhook: { disabled_at } }) =>
    disabled_at === null ? [] : [Date.parse(disabled_at)],
  );
  if (disabledMs.length > 0) {
    alarms.push({
      ...{ id: 'disabled', severity: 'warning', section: 'firstcomewebhookdisabled' },
      text: `Disabled webhooks: ${formatCount(disabledMs.length)}. They get no events.`,
      sinceMs: Math.min(...disabledMs),
    });
  }
  const failing = webhooks.filter(isFailing).length;
  if (failing > 0) {
    alarms.push({
      ...{ id: 'failing', severity: 'warning', section: 'firstcomeeventsundelivered' },
      text: `Webhooks whose last deliveries have all failed: ${formatCount(failing)}.`,
    });
  }
  return alarms;
}

/** Whether all of the newest deliveries that were tried have failed. */
function isFailing({ webhook, deliveries }: WebhookFacts): boolean {
  const tried = deliveries.filter(({ attempts }) => attempts > 0);
  const isDelivered = tried.some(({ state }) => state === 'delivered');
  return webhook.disabled_at === null && tried.length > 0 && !isDelivered;
}

function deadLetterAlarms(total: number): Alarm[] {
  if (total === 0) return [];
  return [
    {
      ...{ id: 'dead-letters', severity: 'warning', section: 'firstcomedeadletters' },
      text: `Dead letters that wait for an operator: ${formatCount(total)}.`,
    },
  ];
}

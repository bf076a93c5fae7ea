// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Delivery, Health, Webhook } from '../../client.ts';
import type { Reading } from './alarm.ts';
import { type NodeMetrics, nodeMetrics } from './node-metrics.ts';
import { readingOf } from './reading-of.ts';
import {
  relayLagSecondsMax,
  type ServiceFacts,
  serviceAlarmsOf,
  undeliveredSecondsMax,
  type WebhookFacts,
} from './service-alarms.ts';

const healthy: Health = {
  ...{ status: 'healthy', version: '1', database: 'external', durability: 'local' },
};

function known<Value>(value: Value): Reading<Value> {
  return { state: 'known', value };
}

function metricsOf(given: Partial<NodeMetrics>): ServiceFacts['metrics'] {
  return known([{ ...nodeMetrics('', 0), batchesInDoubt: 0, stockDifference: 0, ...given }]);
}

function factsOf(given: Partial<ServiceFacts> = {}): ServiceFacts {
  return {
    ...{ health: known(healthy), highestDurability: 'local', metrics: metricsOf({}) },
    ...{ webhooks: known([]), deadLetters: known(0), ...given },
  };
}

function alarmsOf(given: Partial<ServiceFacts>) {
  return serviceAlarmsOf(factsOf(given)).alarms;
}

function webhook(disabled_at: string | null, ...deliveries: Partial<Delivery>[]): WebhookFacts {
  return {
    webhook: { disabled_at } as Webhook,
    deliveries: deliveries.map((one) => ({ state: 'pending', attempts: 1, ...one }) as Delivery),
  };
}

describe('the alarms of the service', () => {
  it('are none when all is known and well', () => {
    expect(serviceAlarmsOf(factsOf())).toEqual({ alarms: [], unknown: [], pending: [] });
  });

  it.each<[Partial<Health>, string]>([
    [{}, 'firstcomedatabasedown'],
    [{ reason: 'installation_changed' }, 'firstcomedatabasedown'],
    [{ reason: 'history_lost' }, 'firstcomehistorylost'],
    [{ reason: 'commits_stalled' }, 'firstcomecommitsstalled'],
    [{ reason: 'durability_too_low' }, 'firstcomedurabilitytoolow'],
  ])('say that the database is not ready: %j', (given, section) => {
    const health = known({ ...healthy, ...given, status: 'unhealthy' as const });
    expect(alarmsOf({ health })).toMatchObject([{ id: 'database', severity: 'critical', section }]);
  });

  it('say that the queue is away', () => {
    expect(alarmsOf({ health: known({ ...healthy, queue: 'away' }) })).toMatchObject([
      { id: 'queue', severity: 'critical' },
    ]);
    expect(alarmsOf({ health: known({ ...healthy, queue: 'up' }) })).toEqual([]);
  });

  it('say once that the durability is lower than it was', () => {
    const alarms = alarmsOf({
      highestDurability: 'replicated',
      metrics: known(
        [0, 1].map((drops) => ({
          ...nodeMetrics('', drops),
          ...{ stockDifference: 0, durabilityDrops: drops },
        })),
      ),
    });
    expect(alarms).toMatchObject([
      {
        id: 'durability',
        text: 'The durability of the database has dropped from replicated to local.',
      },
    ]);
  });

  it('say that claims do not survive a crash', () => {
    const health = known({ ...healthy, durability: 'unsafe' as const });
    expect(alarmsOf({ health, highestDurability: 'unsafe' })).toMatchObject([{ id: 'durability' }]);
  });

  it.each([-2, 3])('say that stock, claims and ledger disagree: %d', (stockDifference) => {
    const [alarm] = alarmsOf({ metrics: metricsOf({ stockDifference }) });
    expect(alarm).toMatchObject({ id: 'difference', severity: 'critical' });
    expect(alarm?.text).toContain(`by ${stockDifference} units`);
  });

  it('say how many batches are in doubt', () => {
    const [alarm] = alarmsOf({ metrics: metricsOf({ batchesInDoubt: 2 }) });
    expect(alarm).toMatchObject({ id: 'in-doubt', severity: 'critical' });
    expect(alarm?.text).toContain('on the node that answered: 2.');
  });

  it.each([
    ['undeliveredSeconds', undeliveredSecondsMax],
    ['relayLagSeconds', relayLagSecondsMax],
  ] as const)('say that events wait, above the limit of %s', (metric, max) => {
    expect(alarmsOf({ metrics: metricsOf({ [metric]: max }) })).toEqual([]);
    expect(alarmsOf({ metrics: metricsOf({ [metric]: max + 1 }) })).toMatchObject([
      { id: 'undelivered', severity: 'warning' },
    ]);
  });

  it('say how many webhooks are disabled, and since when', () => {
    const webhooks = known([
      webhook('2030-01-31T18:00:05Z'),
      webhook(null),
      webhook('2030-01-31T18:00:00Z'),
    ]);
    expect(alarmsOf({ webhooks })).toMatchObject([
      {
        ...{ id: 'disabled', text: 'Disabled webhooks: 2. They get no events.' },
        sinceMs: Date.parse('2030-01-31T18:00:00Z'),
      },
    ]);
  });

  it('say that all of the last deliveries of a webhook have failed', () => {
    const webhooks = known([webhook(null, { attempts: 0 }, {}, { state: 'given_up' })]);
    expect(alarmsOf({ webhooks })).toMatchObject([{ id: 'failing' }]);
  });

  it.each([
    ['has delivered one of them', webhook(null, {}, { state: 'delivered' })],
    ['has tried none', webhook(null, { attempts: 0 })],
    ['has none', webhook(null)],
  ])('do not say so of a webhook that %s', (_, one) => {
    expect(alarmsOf({ webhooks: known([one]) })).toEqual([]);
  });

  it('say how many dead letters there are', () => {
    expect(alarmsOf({ deadLetters: known(7) })).toMatchObject([
      { id: 'dead-letters', text: 'Dead letters that wait for an operator: 7.' },
    ]);
  });
});

describe('what is not known', () => {
  const names = {
    health: 'health of the database',
    metrics: 'metrics of the service',
    webhooks: 'webhooks',
    deadLetters: 'dead letters',
  } as const;

  it.each(Object.entries(names))('is named while it cannot be read: %s', (fact, name) => {
    const { alarms, unknown } = serviceAlarmsOf(factsOf({ [fact]: { state: 'unknown' } }));
    expect(alarms).toEqual([]);
    expect(unknown).toEqual([name]);
  });

  it.each(Object.entries(names))('is named before it is read: %s', (fact, name) => {
    const { unknown, pending } = serviceAlarmsOf(factsOf({ [fact]: { state: 'pending' } }));
    expect(unknown).toEqual([]);
    expect(pending).toEqual([name]);
  });

  it('is the stock difference, where no node that answered runs the check', () => {
    const { unknown } = serviceAlarmsOf(
      factsOf({ metrics: metricsOf({ stockDifference: undefined }) }),
    );
    expect(unknown).toEqual(['stock difference']);
  });

  it('is not what the service does not have', () => {
    const facts = factsOf({ deadLetters: { state: 'absent' }, webhooks: { state: 'absent' } });
    expect(serviceAlarmsOf(facts)).toEqual({ alarms: [], unknown: [], pending: [] });
  });
});

describe('a reading', () => {
  const refused = (outcome: string) =>
    readingOf({ value: 1, refusal: { outcome } as never, isReading: false });

  it('is known once a value has arrived, also during the next read', () => {
    expect(readingOf({ value: 0, refusal: undefined, isReading: true })).toEqual(known(0));
  });

  it('is pending before the first value', () => {
    expect(readingOf({ value: undefined, refusal: undefined, isReading: true }).state).toBe(
      'pending',
    );
  });

  it('is unknown after a refusal, whatever was known before', () => {
    expect(refused('unavailable').state).toBe('unknown');
  });

  it.each(['route_not_found', 'forbidden'])('is absent after %s', (outcome) => {
    expect(refused(outcome).state).toBe('absent');
  });
});

describe('the limits', () => {
  it('are those of the alerts', () => {
    const file = join(import.meta.dirname, '../../../deploy/prometheus/alerts.yml');
    const rules = readFileSync(file, 'utf8');
    expect(rules).toContain(
      `firstcome_event_undelivered_seconds{job="firstcome"}) > ${undeliveredSecondsMax}\n`,
    );
    expect(rules).toContain(
      `firstcome_event_relay_lag_seconds{job="firstcome"}) > ${relayLagSecondsMax}\n`,
    );
  });
});

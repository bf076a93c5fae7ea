// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import type { Health, ReadResult } from '../../client.ts';
import { service } from '../service.ts';
import { useRead } from '../ui/use-read.ts';
import type { AlarmSet, Reading } from './alarm.ts';
import { type Durability, higherDurability } from './health-alarms.ts';
import { type NodeMetrics, nodeMetrics, withMetrics } from './node-metrics.ts';
import { readingOf } from './reading-of.ts';
import { type ServiceFacts, serviceAlarmsOf, type WebhookFacts } from './service-alarms.ts';

const healthEveryMs = 5_000;
const metricsEveryMs = 10_000;
const listsEveryMs = 30_000;

// Each webhook costs a read: of more than these, only those that are disabled are known.
const webhooksMax = 20;
const deliveriesMax = 20;

/** Reads what the alarms of the service follow from, while the page is visible. */
export function useServiceFacts(health: Reading<Health>): ServiceFacts {
  const metrics = useRead(readMetrics, { key: 'metrics', everyMs: metricsEveryMs });
  const webhooks = useRead(readWebhooks, { key: 'webhooks', everyMs: listsEveryMs });
  // Without a queue the service has no such route.
  const hasQueue = health.state === 'known' && health.value.queue !== undefined;
  const deadLetters = useRead(readDeadLetters, {
    ...{ key: 'dead-letters', everyMs: listsEveryMs, isOff: !hasQueue },
  });
  const [kept, setKept] = useState<readonly NodeMetrics[]>([]);
  useEffect(() => {
    const { value } = metrics;
    if (value !== undefined) setKept((before) => withMetrics(before, value));
  }, [metrics.value]);
  const metricsReading = readingOf(metrics);
  return {
    health,
    highestDurability: useHighestDurability(health),
    metrics:
      metricsReading.state === 'known' && kept.length > 0
        ? { state: 'known', value: kept }
        : metricsReading.state === 'known'
          ? { state: 'pending' }
          : metricsReading,
    webhooks: readingOf(webhooks),
    deadLetters:
      health.state === 'known' && !hasQueue ? { state: 'absent' } : readingOf(deadLetters),
  };
}

/** The alarms that are not of one sale: the database, the metrics, webhooks and dead letters. */
export function useServiceAlarms(): AlarmSet {
  const health = useRead((signal) => service.readHealth({}, { signal }), {
    ...{ key: 'health', everyMs: healthEveryMs },
  });
  return serviceAlarmsOf(useServiceFacts(readingOf(health)));
}

function useHighestDurability(health: Reading<Health>): Durability | undefined {
  const now = health.state === 'known' ? health.value.durability : undefined;
  const [highest, setHighest] = useState(now);
  useEffect(() => setHighest((before) => higherDurability(before, now)), [now]);
  return higherDurability(highest, now);
}

async function readMetrics(signal: AbortSignal): Promise<ReadResult<NodeMetrics>> {
  const result = await service.readMetrics({}, { signal });
  if (result.outcome !== 'ok') return result;
  return { ...result, value: nodeMetrics(result.value, performance.now()) };
}

async function readDeadLetters(signal: AbortSignal): Promise<ReadResult<number>> {
  const result = await service.listDeadLetters({ limit: 1 }, { signal });
  return result.outcome === 'ok' ? { ...result, value: result.value.total } : result;
}

async function readWebhooks(signal: AbortSignal): Promise<ReadResult<WebhookFacts[]>> {
  const result = await service.listWebhooks({}, { signal });
  if (result.outcome !== 'ok') return result;
  const facts: WebhookFacts[] = [];
  for (const [index, webhook] of result.value.webhooks.entries()) {
    const isRead = webhook.disabled_at === null && index < webhooksMax;
    const page = isRead
      ? await service.listWebhookDeliveries({ id: webhook.id, limit: deliveriesMax }, { signal })
      : undefined;
    // A webhook that was deleted meanwhile has none.
    if (page !== undefined && page.outcome !== 'ok' && page.outcome !== 'webhook_not_found') {
      return page;
    }
    const deliveries = page?.outcome === 'ok' ? page.value.deliveries : [];
    facts.push({ webhook, deliveries });
  }
  return { ...result, value: facts };
}

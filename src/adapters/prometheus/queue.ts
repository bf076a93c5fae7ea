// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import type { LatencyReading, QueueReading, QueueSource, QueueState } from './metric-sources.ts';

type Series = { labels?: Record<string, string>; value: number };

/** Registers the metrics of the queue of claims, and of what waits in it and for it. */
export function registerQueue(registry: Registry, source: QueueSource): void {
  registerWaiting(registry, source);
  registerDepths(registry, source);
  const gauge = (
    [name, help]: [string, string],
    read: (state: QueueState) => number,
    options: { aggregator?: 'max' | 'min' } = {},
  ) =>
    new Gauge({
      ...{ name: `firstcome_${name}`, help, registers: [registry], ...options },
      collect() {
        this.set(read(source.state()));
      },
    });
  const counter = (
    [name, help]: [string, string],
    read: (state: QueueState) => Series[],
    labelNames: string[] = [],
  ) =>
    new Counter({
      ...{ name: `firstcome_${name}`, help, registers: [registry], labelNames },
      collect() {
        this.reset();
        for (const { labels = {}, value } of read(source.state())) this.inc(labels, value);
      },
    });

  gauge(
    ['queue_up', '1 if RabbitMQ answers, with all queues and consumers. Absent without AMQP_URL.'],
    ({ isUp }) => Number(isUp),
    { aggregator: 'min' },
  );
  gauge(
    ['queue_blocked', '1 while RabbitMQ takes no messages, since it lacks memory or disk space.'],
    ({ isBlocked }) => Number(isBlocked),
    { aggregator: 'max' },
  );
  gauge(
    ['queue_unconfirmed', 'Messages that were sent to RabbitMQ and are not confirmed yet.'],
    ({ published }) => published.unconfirmed,
  );
  counter(
    [
      'queue_published_total',
      'Messages to queues of claims, retries and dead letters, by result. unknown: no confirm in time, so it may be stored.',
    ],
    ({ published: { confirmed, full, away, unknown } }) =>
      byLabel('result', { confirmed, full, away, unknown }),
    ['result'],
  );
  counter(
    ['queue_deliveries_total', 'Claims that this service got from the queue.'],
    ({ delivered }) => [{ value: delivered.delivered }],
  );
  counter(
    [
      'queue_redeliveries_total',
      'Of them, those that were delivered before, to a process that ended or lost its connection.',
    ],
    ({ delivered }) => [{ value: delivered.redelivered }],
  );
  counter(
    ['queue_retries_total', 'Claims that were moved to a retry queue after a failed decision.'],
    ({ delivered }) => [{ value: delivered.retried }],
  );
  counter(
    [
      'queue_dead_letters_total',
      'Dead letters that were made: undecidable claims, and unreadable messages or parts of them that hold no claim.',
    ],
    ({ delivered }) => byLabel('kind', delivered.dead),
    ['kind'],
  );
  const latency = () => source.state().published.confirmLatency;
  registry.registerMetric(confirmSeconds(latency) as unknown as Metric);
}

/** What waits in this process. */
function registerWaiting(registry: Registry, { waiting }: QueueSource): void {
  const registers = [registry];
  new Gauge({
    name: 'firstcome_queued_claims_held',
    help: 'Claims from the queue that are not decided yet, by place: they wait for room in a lane, or are in one.',
    ...{ labelNames: ['place'], registers },
    collect() {
      const { held, underWay } = waiting();
      this.set({ place: 'waiting' }, held);
      this.set({ place: 'lane' }, underWay);
    },
  });
  new Gauge({
    name: 'firstcome_ticket_oldest_seconds',
    help: 'Time since the acceptance of the oldest claim that was taken from the queue and is not decided; 0 if there is none.',
    ...{ registers, aggregator: 'max' },
    collect() {
      this.set(waiting().oldestMs / 1_000);
    },
  });
  new Gauge({
    name: 'firstcome_ticket_waiters',
    help: 'Requests and event streams that wait for the final state of a ticket.',
    registers,
    collect() {
      this.set(waiting().waiting);
    },
  });
}

/** What waits at the broker. Each process reads the same, so of several one value is taken. */
function registerDepths(registry: Registry, { state, depths }: QueueSource): void {
  let reading: Promise<QueueReading | undefined> | undefined;
  // All gauges of a scrape share one reading.
  const depthsOnce = () => {
    reading ??= depths().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const gauge = (
    [name, help]: [string, string],
    read: (depths: QueueReading) => Series[],
    labelNames: string[] = [],
  ) =>
    new Gauge({
      ...{ name: `firstcome_${name}`, help, registers: [registry], labelNames, aggregator: 'max' },
      async collect() {
        const found = await depthsOnce();
        this.reset();
        // Without labels, a reset gauge shows 0.
        if (labelNames.length === 0) this.remove();
        if (found === undefined) return;
        for (const { labels = {}, value } of read(found)) this.set(labels, value);
      },
    });
  const byPartition = (values: readonly number[]) =>
    values.map((value, partition) => ({ labels: { partition: String(partition) }, value }));

  gauge(
    [
      'queue_messages',
      'Messages that wait in the queue, by partition; without those that were taken. Each holds 1 to 100 claims.',
    ],
    ({ messages }) => byPartition(messages),
    ['partition'],
  );
  new Gauge({
    name: 'firstcome_queue_messages_max',
    help: 'How many messages may wait in each partition of the queue: CLAIM_QUEUE_MESSAGES_MAX.',
    ...{ registers: [registry], aggregator: 'max' },
    collect() {
      this.set(state().messagesMax);
    },
  });
  gauge(
    [
      'queue_consumers',
      'Processes that are ready to decide the claims of a partition, by partition. One of them gets all.',
    ],
    ({ consumers }) => byPartition(consumers),
    ['partition'],
  );
  gauge(
    ['queue_retrying', 'Claims that wait in the retry queues for their next attempt.'],
    ({ retry }) => [{ value: retry }],
  );
  gauge(['queue_dead_letters', 'Dead letters that wait for an operator.'], ({ dead }) => [
    { value: dead },
  ]);
}

/** The time of a confirm, as a metric that the library can register. */
function confirmSeconds(read: () => LatencyReading) {
  const [name, type, aggregator] = ['firstcome_queue_confirm_seconds', 'histogram', 'sum'];
  const help = 'Time from sending a message to its confirm by RabbitMQ.';
  const get = () => {
    const { bounds, counts, sumSeconds } = read();
    let count = 0;
    const buckets = counts.map((inBucket, index) => {
      count += inBucket;
      const labels = { le: bounds[index] ?? '+Inf' };
      return { labels, value: count, metricName: `${name}_bucket` };
    });
    const values = [
      ...buckets,
      { labels: {}, value: sumSeconds, metricName: `${name}_sum` },
      { labels: {}, value: count, metricName: `${name}_count` },
    ];
    return { name, help, type, aggregator, values };
  };
  // The counts belong to the adapter of the broker.
  return { name, help, type, aggregator, get, reset: () => undefined };
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): Series[] {
  return Object.entries(counts).map(([value, count]) => ({
    labels: { [label]: value },
    value: count,
  }));
}

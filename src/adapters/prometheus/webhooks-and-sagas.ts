// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { JobMetrics } from '../../core/duties/ports.ts';
import type { Backlog } from '../../core/events/ports.ts';
import type { SagaMetrics } from '../../core/sagas/ports.ts';
import type { DeliveryMetrics } from '../../core/webhooks/ports.ts';
import type { MetricSources } from './metric-sources.ts';

/** Registers what every process counts of its deliveries, jobs and sagas. */
export function countWork(registry: Registry): DeliveryMetrics & JobMetrics & SagaMetrics {
  const registers = [registry];
  const deliveries = new Counter({
    name: 'firstcome_webhook_deliveries_total',
    help: 'Attempts to deliver an event to a webhook, by result. failed: it is sent again.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['delivered', 'failed', 'given_up']) deliveries.inc({ result }, 0);
  const jobs = new Counter({
    name: 'firstcome_jobs_total',
    help: 'Turns of jobs that have ended in this service, by job and result.',
    labelNames: ['job', 'result'],
    registers,
  });
  const replaced = new Counter({
    name: 'firstcome_job_workers_replaced_total',
    help: 'Workers of jobs that were silent, and whose jobs this service has given to others.',
    registers,
  });
  const restarted = new Counter({
    name: 'firstcome_job_restarts_total',
    help: 'How often the jobs of this service were ended and started again, as after an outage of the database.',
    registers,
  });
  const reached = new Counter({
    name: 'firstcome_sagas_reached_total',
    help: 'Sagas that this service has brought to a state, by state.',
    labelNames: ['state'],
    registers,
  });
  for (const state of ['compensating', 'needs_attention', 'done', 'compensated']) {
    reached.inc({ state }, 0);
  }
  const calls = new Histogram({
    name: 'firstcome_saga_call_seconds',
    help: 'Time of a call of a step of a saga, by participant, step, direction and result.',
    labelNames: ['participant', 'step', 'direction', 'result'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  return {
    eventSent: (result) => deliveries.inc({ result }),
    jobEnded: (job, result) => jobs.inc({ job, result }),
    workersReplaced: (count) => replaced.inc(count),
    jobsRestarted: () => restarted.inc(),
    sagaReached: (state) => reached.inc({ state }),
    stepCalled: ({ seconds, ...labels }) => calls.observe(labels, seconds),
  };
}

type Reading = { labels?: Record<string, string>; value: number };

/** Registers what is left to do, which only the process that runs the relay shows: so it is read once for all. */
export function registerBacklog(registry: Registry, sources: MetricSources): void {
  let reading: Promise<Backlog | undefined> | undefined;
  // All gauges of a scrape share one reading.
  const backlogOnce = () => {
    reading ??= sources.backlog().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const gauge = (
    [name, help]: [string, string],
    readings: (backlog: Backlog) => Reading[],
    labelNames: string[] = [],
  ) =>
    new Gauge({
      ...{ name: `firstcome_${name}`, help, registers: [registry], labelNames, aggregator: 'max' },
      async collect() {
        const backlog = await backlogOnce();
        this.reset();
        // Without labels, a reset gauge shows 0.
        if (labelNames.length === 0) this.remove();
        if (backlog === undefined) return;
        for (const { labels = {}, value } of readings(backlog)) this.set(labels, value);
      },
    });
  const byState = (counts: Record<string, number>) =>
    Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));

  gauge(
    ['webhooks', 'Webhooks, by state. A disabled one gets no events until it is enabled.'],
    ({ webhooks }) => byState(webhooks),
    ['state'],
  );
  gauge(
    ['webhook_deliveries_pending', 'Deliveries that are pending, counted up to 10,000.'],
    ({ pendingDeliveries }) => [{ value: pendingDeliveries }],
  );
  gauge(
    [
      'event_undelivered_seconds',
      'Age of the oldest event that an active webhook has not got; 0 if there is none.',
    ],
    ({ undeliveredSeconds }) => [{ value: undeliveredSeconds }],
  );
  gauge(
    ['sagas', 'Sagas that have not ended, by state, each counted up to 10,000.'],
    ({ sagas: { running, compensating, needsAttention } }) =>
      byState({ running, compensating, needs_attention: needsAttention }),
    ['state'],
  );
  gauge(
    [
      'saga_oldest_seconds',
      'Age of the oldest saga that is running or compensating; 0 if there is none.',
    ],
    ({ sagaSeconds }) => [{ value: sagaSeconds }],
  );
  gauge(
    [
      'saga_overdue_seconds',
      'How long ago the deadline of a saga was that is still running or compensating, at most; 0 if none is past it.',
    ],
    ({ sagaOverdueSeconds }) => [{ value: sagaOverdueSeconds }],
  );
}

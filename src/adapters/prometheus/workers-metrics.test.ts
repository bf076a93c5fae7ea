// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { fakeQueue, fakeSources } from '../../../test/support/metric-sources.ts';
import type { MetricsSnapshot } from './metric-sources.ts';
import { prometheusMetrics } from './metrics.ts';
import { WorkersMetrics } from './workers-metrics.ts';

/** The snapshot of a worker as the primary process receives it: sent as JSON. */
async function snapshotOf(metrics: ReturnType<typeof prometheusMetrics>): Promise<MetricsSnapshot> {
  return JSON.parse(JSON.stringify(await metrics.snapshot()));
}

function worker(claims: number, seconds = 0.002) {
  const metrics = prometheusMetrics();
  for (let count = 0; count < claims; count += 1) metrics.answered('claimed', seconds, 'C');
  return metrics;
}

async function metricValue(all: WorkersMetrics, series: string): Promise<number | undefined> {
  const { text } = await all.text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

const claimed = 'firstcome_claims_total{outcome="claimed"}';
const answersIn = 'firstcome_claim_answer_seconds';

describe('aggregation of the metrics of several workers', () => {
  it('adds up the counts of all workers, in counters and in each bucket', async () => {
    const all = new WorkersMetrics();
    const [one, other] = [worker(2, 0.002), worker(3, 0.02)];
    other.answered('sold_out', 7, 'C');
    all.receive(0, await snapshotOf(one));
    all.receive(1, await snapshotOf(other));
    expect(await metricValue(all, claimed)).toBe(5);
    expect(await metricValue(all, `${answersIn}_bucket{le="0.0025",outcome="claimed"}`)).toBe(2);
    expect(await metricValue(all, `${answersIn}_bucket{le="+Inf",outcome="claimed"}`)).toBe(5);
    expect(await metricValue(all, `${answersIn}_count{outcome="claimed"}`)).toBe(5);
    expect(await metricValue(all, `${answersIn}_sum{outcome="claimed"}`)).toBeCloseTo(0.064);
    expect(await metricValue(all, `${answersIn}_bucket{le="10",outcome="sold_out"}`)).toBe(1);
  });

  it('keeps the counts of a worker that died, and adds those of the next one', async () => {
    const all = new WorkersMetrics();
    all.receive(0, await snapshotOf(worker(2)));
    all.receive(1, await snapshotOf(worker(3)));
    for (const deaths of [1, 2]) {
      all.ended(1);
      expect(await metricValue(all, claimed)).toBe(2 + 3 * deaths);
      all.receive(1, await snapshotOf(worker(3)));
      expect(await metricValue(all, claimed)).toBe(2 + 3 * (deaths + 1));
      expect(await metricValue(all, `${answersIn}_count{outcome="claimed"}`)).toBe(5 + 3 * deaths);
    }
  });

  it('loses nothing of a sum to rounding when a worker dies', async () => {
    const all = new WorkersMetrics();
    const sum = `${answersIn}_sum{outcome="claimed"}`;
    // In floating point 0.1 + 0.2 + 0.3 is more than 0.2 + 0.3 + 0.1.
    for (const [index, seconds] of [0.1, 0.2, 0.3].entries()) {
      all.receive(index, await snapshotOf(worker(1, seconds)));
    }
    const before = await metricValue(all, sum);
    all.ended(0);
    expect(await metricValue(all, sum)).toBe(before);
    all.receive(0, await snapshotOf(worker(0)));
    expect(await metricValue(all, sum)).toBe(before);
  });

  it('drops the gauges of a worker that died', async () => {
    const all = new WorkersMetrics();
    const waiting = (claims: number) => ({
      ...{ name: 'waiting', help: 'Claims that wait.', type: 'gauge', aggregator: 'sum' },
      values: [{ labels: {}, value: claims }],
    });
    all.receive(0, [waiting(2)]);
    all.receive(1, [waiting(3)]);
    expect(await metricValue(all, 'waiting')).toBe(5);
    all.ended(1);
    expect(await metricValue(all, 'waiting')).toBe(2);
  });

  it('adds up what each worker counts of the queue, and takes what all read there once', async () => {
    const all = new WorkersMetrics();
    for (const index of [0, 1]) {
      const metrics = worker(0);
      const tickets = metrics.countTickets();
      tickets.settled({ state: 'decided', outcome: { outcome: 'sold_out' } }, 'LAUNCH');
      metrics.read({ ...fakeSources, queue: fakeQueue({ isUp: index === 0, oldestMs: 2_000 }) });
      all.receive(index, await snapshotOf(metrics));
    }
    const values = Object.fromEntries(
      await Promise.all(
        [
          'firstcome_queue_up',
          'firstcome_queue_messages{partition="0"}',
          'firstcome_queue_consumers{partition="0"}',
          'firstcome_queue_messages_max',
          'firstcome_queue_dead_letters',
          'firstcome_ticket_oldest_seconds',
          'firstcome_queue_unconfirmed',
          'firstcome_queued_claims_held{place="lane"}',
          'firstcome_tickets_settled_total{state="decided",outcome="sold_out"}',
          'firstcome_queue_confirm_seconds_bucket{le="0.1"}',
          'firstcome_queue_confirm_seconds_count',
        ].map(async (series) => [series, await metricValue(all, series)]),
      ),
    );
    expect(Object.values(values)).toEqual([0, 7, 2, 100, 1, 2, 6, 8, 2, 2, 6]);
  });

  it('shows the start time of the oldest worker', async () => {
    const all = new WorkersMetrics();
    const name = 'process_start_time_seconds';
    for (const [index, later] of [50, 0, 100].entries()) {
      const snapshot = await snapshotOf(worker(0));
      const start = snapshot.find((metric) => metric.name === name)?.values[0];
      if (start !== undefined) start.value = 1_000 + later;
      all.receive(index, snapshot);
    }
    expect(await metricValue(all, name)).toBe(1_000);
    all.ended(1);
    expect(await metricValue(all, name)).toBe(1_050);
  });

  it('returns no metrics before a worker has sent any', async () => {
    const all = new WorkersMetrics();
    all.ended(3);
    expect((await all.text()).text.trim()).toBe('');
  });
});

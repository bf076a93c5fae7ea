// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Backlog } from '../../core/events/ports.ts';
import type { MetricSources } from './metric-sources.ts';
import { prometheusMetrics } from './metrics.ts';

const backlog: Backlog = {
  webhooks: { active: 2, disabled: 1 },
  ...{ pendingDeliveries: 40, undeliveredSeconds: 12.5 },
  sagas: { running: 5, compensating: 2, needsAttention: 1 },
  ...{ sagaSeconds: 30, sagaOverdueSeconds: 4 },
};

/** A scrape of a process whose sources are these, and how often the backlog was measured. */
function setUp(state: { backlog: Backlog | undefined; lagMs: number | undefined }) {
  const metrics = prometheusMetrics();
  let measured = 0;
  const sources: MetricSources = {
    ...{ version: '1.2.3', config: {}, pools: () => ({}) },
    lanes: () => ({ waiting: 0, lanes: 0, oldestMs: 0 }),
    soldOut: () => ({ coupons: 0, holders: 0 }),
    duties: () => ({
      ...{ running: [], stockCheck: undefined, expirySweep: undefined },
      eventRelay: state.lagMs === undefined ? undefined : { lagMs: state.lagMs },
    }),
    async backlog() {
      measured += 1;
      return state.backlog;
    },
    httpConnections: () => ({ open: 0, idle: 0, max: 1, closed: {} }),
    eventStreams: () => ({ open: 0, max: 1, opened: 0, refused: 0, dropped: 0, written: 0 }),
    ...{ remainingStock: async () => [], databaseUp: async () => true, isHistoryLost: () => false },
    healthSeen: () => ({ reason: undefined, durability: undefined, durabilityDrops: 0 }),
  };
  metrics.read(sources);
  const lines = async () =>
    (await metrics.text()).text
      .split('\n')
      .filter((line) => /^firstcome_(?:webhook|event|saga|job)/.test(line));
  return { metrics, lines, state, measured: () => measured };
}

const gauges = [
  'firstcome_event_relay_lag_seconds 0.7',
  'firstcome_webhooks{state="active"} 2',
  'firstcome_webhooks{state="disabled"} 1',
  'firstcome_webhook_deliveries_pending 40',
  'firstcome_event_undelivered_seconds 12.5',
  'firstcome_sagas{state="running"} 5',
  'firstcome_sagas{state="compensating"} 2',
  'firstcome_sagas{state="needs_attention"} 1',
  'firstcome_saga_oldest_seconds 30',
  'firstcome_saga_overdue_seconds 4',
];

describe('the metrics of webhooks and sagas', () => {
  it('show the backlog, which is measured once for all gauges of a scrape', async () => {
    const { lines, measured } = setUp({ backlog, lagMs: 700 });
    expect(await lines()).toEqual(expect.arrayContaining(gauges));
    expect(measured()).toBe(1);
    await lines();
    expect(measured()).toBe(2);
  });

  it('omit what another process shows, or what is not known any more', async () => {
    const { lines, state } = setUp({ backlog, lagMs: 700 });
    await lines();
    Object.assign(state, { backlog: undefined, lagMs: undefined });
    const names = gauges.map((line) => line.split(/[{ ]/)[0]);
    const shown = (await lines()).map((line) => line.split(/[{ ]/)[0]);
    expect(shown.filter((name) => names.includes(name))).toEqual([]);
  });

  it('count deliveries, jobs and sagas, and show results that have not happened as 0', async () => {
    const { metrics, lines } = setUp({ backlog: undefined, lagMs: undefined });
    metrics.eventSent('delivered');
    metrics.eventSent('failed');
    metrics.jobEnded('deliver', 'done');
    metrics.jobEnded('deliver', 'failed');
    metrics.workersReplaced(2);
    metrics.jobsRestarted();
    metrics.sagaReached('done');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'firstcome_webhook_deliveries_total{result="delivered"} 1',
        'firstcome_webhook_deliveries_total{result="failed"} 1',
        'firstcome_webhook_deliveries_total{result="given_up"} 0',
        'firstcome_jobs_total{job="deliver",result="done"} 1',
        'firstcome_jobs_total{job="deliver",result="failed"} 1',
        'firstcome_job_workers_replaced_total 2',
        'firstcome_job_restarts_total 1',
        'firstcome_sagas_reached_total{state="done"} 1',
        'firstcome_sagas_reached_total{state="compensated"} 0',
        'firstcome_sagas_reached_total{state="compensating"} 0',
        'firstcome_sagas_reached_total{state="needs_attention"} 0',
      ]),
    );
  });

  it('measure the calls of each step by their results', async () => {
    const { metrics, lines } = setUp({ backlog: undefined, lagMs: undefined });
    const call = { participant: 'payment', step: 'capture', direction: 'run' } as const;
    metrics.stepCalled({ ...call, result: 'done', seconds: 0.02 });
    metrics.stepCalled({ ...call, result: 'done', seconds: 0.3 });
    metrics.stepCalled({ ...call, result: 'unknown', seconds: 3 });
    const labels = (result: string) =>
      `participant="payment",step="capture",direction="run",result="${result}"`;
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `firstcome_saga_call_seconds_bucket{le="0.25",${labels('done')}} 1`,
        `firstcome_saga_call_seconds_count{${labels('done')}} 2`,
        `firstcome_saga_call_seconds_sum{${labels('unknown')}} 3`,
      ]),
    );
  });
});

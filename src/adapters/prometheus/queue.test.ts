// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { fakeQueue, fakeSources } from '../../../test/support/metric-sources.ts';
import { prometheusMetrics } from './metrics.ts';

async function linesOf(metrics: ReturnType<typeof prometheusMetrics>): Promise<string[]> {
  const { text } = await metrics.text();
  return text.split('\n').filter((line) => /^firstcome_(?:queue|ticket)/.test(line));
}

describe('the metrics of the queue of claims', () => {
  it('show what was counted, what waits here, and what waits at the broker', async () => {
    const metrics = prometheusMetrics();
    metrics.read({ ...fakeSources, queue: fakeQueue({ oldestMs: 1_500 }) });
    expect(await linesOf(metrics)).toEqual([
      'firstcome_queued_claims_held{place="waiting"} 3',
      'firstcome_queued_claims_held{place="lane"} 4',
      'firstcome_ticket_oldest_seconds 1.5',
      'firstcome_ticket_waiters 5',
      'firstcome_queue_messages{partition="0"} 7',
      'firstcome_queue_messages_max 100',
      'firstcome_queue_consumers{partition="0"} 2',
      'firstcome_queue_retrying 6',
      'firstcome_queue_dead_letters 1',
      'firstcome_queue_up 1',
      'firstcome_queue_blocked 0',
      'firstcome_queue_unconfirmed 3',
      'firstcome_queue_published_total{result="confirmed"} 5',
      'firstcome_queue_published_total{result="full"} 1',
      'firstcome_queue_published_total{result="away"} 2',
      'firstcome_queue_published_total{result="unknown"} 4',
      'firstcome_queue_deliveries_total 9',
      'firstcome_queue_redeliveries_total 2',
      'firstcome_queue_retries_total 3',
      'firstcome_queue_dead_letters_total{kind="undecidable"} 1',
      'firstcome_queue_dead_letters_total{kind="unreadable"} 4',
      'firstcome_queue_confirm_seconds_bucket{le="0.1"} 1',
      'firstcome_queue_confirm_seconds_bucket{le="1"} 3',
      'firstcome_queue_confirm_seconds_bucket{le="+Inf"} 3',
      'firstcome_queue_confirm_seconds_sum 1.5',
      'firstcome_queue_confirm_seconds_count 3',
    ]);
  });

  it('omit what waits at the broker while it is away, and read it once for each scrape', async () => {
    const metrics = prometheusMetrics();
    const queue = fakeQueue();
    let isUp = true;
    let readings = 0;
    const depths = () => {
      readings += 1;
      return isUp ? queue.depths() : Promise.resolve(undefined);
    };
    metrics.read({ ...fakeSources, queue: { ...queue, depths } });
    const waitsThere = /^firstcome_queue_(?:messages|consumers|retrying|dead_letters)[{ ]/;
    const shown = async () =>
      (await linesOf(metrics)).filter((line) => waitsThere.test(line)).length;
    expect(await shown()).toBe(4);
    expect(readings).toBe(1);
    isUp = false;
    expect(await shown()).toBe(0);
    expect(readings).toBe(2);
  });

  it('count tickets by state and outcome, the rare ones from 0', async () => {
    const metrics = prometheusMetrics();
    const tickets = metrics.countTickets();
    tickets.accepted();
    tickets.refused('full');
    tickets.waitEnded('accepted');
    tickets.foundByPoll();
    for (const outcome of ['closed', 'closed', 'sold_out'] as const) {
      tickets.settled({ state: 'decided', outcome: { outcome } }, 'LAUNCH');
    }
    tickets.settled({ state: 'expired' }, 'LAUNCH');
    tickets.attemptFailed('dead');
    tickets.paused();
    const lines = await linesOf(metrics);
    expect(lines.filter((line) => !line.endsWith(' 0'))).toEqual([
      'firstcome_queued_claims_total{result="confirmed"} 1',
      'firstcome_queued_claims_total{result="full"} 1',
      'firstcome_ticket_waits_total{end="accepted"} 1',
      'firstcome_ticket_results_polled_total 1',
      'firstcome_tickets_settled_total{state="expired",outcome="expired"} 1',
      'firstcome_tickets_settled_total{state="decided",outcome="closed"} 2',
      'firstcome_tickets_settled_total{state="decided",outcome="sold_out"} 1',
      'firstcome_ticket_attempts_failed_total{next="dead"} 1',
      'firstcome_queue_pauses_total 1',
    ]);
    expect(lines).toEqual(
      expect.arrayContaining([
        'firstcome_tickets_settled_total{state="failed",outcome="failed"} 0',
        'firstcome_queued_claims_total{result="unknown"} 0',
        'firstcome_ticket_attempts_failed_total{next="retry"} 0',
      ]),
    );
  });

  it('are absent without a queue, and have no label whose values a client can choose', async () => {
    const metrics = prometheusMetrics();
    metrics.read(fakeSources);
    expect(await linesOf(metrics)).toEqual([]);
    const withQueue = prometheusMetrics();
    withQueue.countTickets();
    withQueue.read({ ...fakeSources, queue: fakeQueue() });
    const labels = (await linesOf(withQueue)).flatMap((line) =>
      [...line.matchAll(/[{,](\w+)=/g)].map(([, label]) => label ?? ''),
    );
    const allowed = ['end', 'kind', 'le', 'next', 'outcome', 'partition', 'place', 'result'];
    expect([...new Set(labels)].sort()).toEqual([...allowed, 'state']);
  });
});

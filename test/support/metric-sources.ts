// SPDX-License-Identifier: GPL-3.0-or-later
import type { QueueSource } from '../../src/adapters/prometheus/metric-sources.ts';

/** What a scrape reads in tests of the metrics, without Redis and without a queue. */
export const fakeSources = {
  version: '1.2.3',
  config: { workers: '2', claim_batch_max: '100' },
  lanes: () => ({ waiting: 7, lanes: 2, oldestMs: 1_500 }),
  soldOut: () => ({ coupons: 3, holders: 900 }),
  pools: () => ({ batches: { total: 5, idle: 2, waiting: 1, max: 8 } }),
  duties: () => ({
    running: [
      { duty: 'stock_check' as const, isRunning: true },
      { duty: 'expiry_sweep' as const, isRunning: false },
    ],
    stockCheck: {
      found: { difference: 3, ageMs: 2_500, totals: { coupons: 1, amount: 10, remaining: 4 } },
      steps: { done: 9, failed: 1 },
    },
    expirySweep: { released: 5, current: { overdueMs: 300, openHolds: 40 } },
    eventRelay: { lagMs: 700 },
  }),
  backlog: async () => ({
    webhooks: { active: 2, disabled: 1 },
    ...{ pendingDeliveries: 40, undeliveredSeconds: 12.5 },
    sagas: { running: 5, compensating: 2, needsAttention: 1 },
    ...{ sagaSeconds: 30, sagaOverdueSeconds: 4 },
  }),
  httpConnections: () => ({ open: 12, idle: 5, max: 100, closed: { idle: 7, refused: 0 } }),
  eventStreams: () => ({ open: 4, max: 9, opened: 30, refused: 2, dropped: 1, written: 500 }),
  remainingStock: async () => [],
  isHistoryLost: () => false,
  databaseUp: async () => true,
  healthSeen: () => ({ reason: undefined, durability: 'local' as const, durabilityDrops: 2 }),
};

/** A queue of claims with one partition. */
export function fakeQueue({
  isUp = true,
  oldestMs = 0,
}: {
  isUp?: boolean;
  oldestMs?: number;
} = {}): QueueSource {
  return {
    state: () => ({
      ...{ isUp, isBlocked: !isUp, messagesMax: 100 },
      published: {
        ...{ confirmed: 5, full: 1, away: 2, unknown: 4, unconfirmed: 3 },
        confirmLatency: { bounds: [0.1, 1], counts: [1, 2, 0], sumSeconds: 1.5 },
      },
      delivered: {
        ...{ delivered: 9, redelivered: 2, retried: 3 },
        dead: { undecidable: 1, unreadable: 4 },
      },
    }),
    depths: async () => (isUp ? { messages: [7], consumers: [2], retry: 6, dead: 1 } : undefined),
    waiting: () => ({ waiting: 5, held: 3, underWay: 4, oldestMs }),
  };
}

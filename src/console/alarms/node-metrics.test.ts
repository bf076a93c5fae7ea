// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { dropsIn, type NodeMetrics, newestOf, nodeMetrics, withMetrics } from './node-metrics.ts';

function metricsAt(atMs: number, given: Partial<NodeMetrics> = {}): NodeMetrics {
  return { ...nodeMetrics('', atMs), startedAt: 1, ...given };
}

describe('the metrics of a node', () => {
  it('are undefined where it does not show them', () => {
    const text = 'firstcome_claim_batches_in_doubt 2\nfirstcome_durability_drops_total 0\n';
    expect(nodeMetrics(text, 5)).toEqual({
      ...{ atMs: 5, startedAt: undefined, batchesInDoubt: 2, durabilityDrops: 0 },
      ...{ stockDifference: undefined, undeliveredSeconds: undefined, relayLagSeconds: undefined },
    });
  });

  it('are kept for five minutes', () => {
    const kept = [0, 100_000, 300_000].map((atMs) => metricsAt(atMs));
    expect(withMetrics(kept, metricsAt(300_001)).map(({ atMs }) => atMs)).toEqual([
      100_000, 300_000, 300_001,
    ]);
  });
});

describe('the newest value of a metric', () => {
  it('is that of another node, where the last one does not show it', () => {
    const kept = [metricsAt(0, { stockDifference: 3 }), metricsAt(60_000)];
    expect(newestOf(kept, 'stockDifference')).toBe(3);
  });

  it('is unknown when it is older than a minute', () => {
    const kept = [metricsAt(0, { stockDifference: 3 }), metricsAt(60_001)];
    expect(newestOf(kept, 'stockDifference')).toBeUndefined();
  });
});

describe('drops of the durability', () => {
  it('are counted from the first read on', () => {
    const kept = [metricsAt(0, { durabilityDrops: 4 }), metricsAt(1, { durabilityDrops: 6 })];
    expect(dropsIn(kept)).toBe(2);
    expect(dropsIn(kept.slice(0, 1))).toBe(0);
  });

  it('are none where two nodes have seen a different number', () => {
    const kept = [
      metricsAt(0, { durabilityDrops: 0 }),
      metricsAt(1, { durabilityDrops: 4, startedAt: 2 }),
      metricsAt(2, { durabilityDrops: 0 }),
    ];
    expect(dropsIn(kept)).toBe(0);
  });
});

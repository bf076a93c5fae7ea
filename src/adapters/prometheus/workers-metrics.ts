// SPDX-License-Identifier: GPL-3.0-or-later
import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from './metric-sources.ts';

/** The metrics of one worker slot: the counts of earlier workers in it, and the last snapshot of the current one. */
type Slot = { past: MetricsSnapshot; current: MetricsSnapshot };

/**
 * Aggregates the metrics of all workers, each metric by its own aggregator. A count never falls while the primary process
 * lives: Prometheus would take a lower value for a restart and count everything before it again.
 */
export class WorkersMetrics {
  private readonly slots: Slot[] = [];

  /** Receives a snapshot from the worker in this slot. Slots count from 0. */
  receive(index: number, snapshot: MetricsSnapshot): void {
    this.slotAt(index).current = snapshot;
  }

  /** Keeps the last known counts of a worker that has ended, and drops its gauges. */
  ended(index: number): void {
    const slot = this.slotAt(index);
    slot.past = aggregate([slot.past, slot.current.filter(isCounted)]);
    slot.current = [];
  }

  async text(): Promise<{ contentType: string; text: string }> {
    // Each slot is summed first. In another order, rounding could make a sum of fractions smaller after a worker died.
    const slots = Object.values(this.slots).map(({ past, current }) => aggregate([past, current]));
    const all = AggregatorRegistry.aggregate(slots);
    return { contentType: all.contentType, text: await all.metrics() };
  }

  private slotAt(index: number): Slot {
    this.slots[index] ??= { past: [], current: [] };
    return this.slots[index];
  }
}

function aggregate(snapshots: MetricsSnapshot[]): MetricsSnapshot {
  return AggregatorRegistry.aggregate(snapshots).getMetricsAsArray() as unknown as MetricsSnapshot;
}

function isCounted({ type }: { type: string }): boolean {
  return type === 'counter' || type === 'histogram';
}

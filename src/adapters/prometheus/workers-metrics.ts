// SPDX-License-Identifier: GPL-3.0-or-later
import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from './metric-sources.ts';

/** The place of one worker: what those before it had counted, and what it tells itself. */
type Place = { past: MetricsSnapshot; now: MetricsSnapshot };

/**
 * The metrics of several workers as one, added up or joined as each metric says. A count never falls while the primary
 * lives: to Prometheus that would be a restart of all, and everything counted so far would count once more.
 */
export class WorkersMetrics {
  private readonly places: Place[] = [];

  /** The worker at this place, from 0, tells what it has counted. */
  receive(index: number, snapshot: MetricsSnapshot): void {
    this.placeAt(index).now = snapshot;
  }

  /** The worker at this place is gone. What it was last heard to have counted stays, what it measured does not. */
  ended(index: number): void {
    const place = this.placeAt(index);
    place.past = joined([place.past, place.now.filter(isCounted)]);
    place.now = [];
  }

  async text(): Promise<{ contentType: string; text: string }> {
    // First each place by itself: in any other order a sum of fractions could be rounded to less than before a death.
    const places = Object.values(this.places).map(({ past, now }) => joined([past, now]));
    const all = AggregatorRegistry.aggregate(places);
    return { contentType: all.contentType, text: await all.metrics() };
  }

  private placeAt(index: number): Place {
    this.places[index] ??= { past: [], now: [] };
    return this.places[index];
  }
}

function joined(snapshots: MetricsSnapshot[]): MetricsSnapshot {
  return AggregatorRegistry.aggregate(snapshots).getMetricsAsArray() as unknown as MetricsSnapshot;
}

function isCounted({ type }: { type: string }): boolean {
  return type === 'counter' || type === 'histogram';
}

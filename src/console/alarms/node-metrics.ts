// SPDX-License-Identifier: GPL-3.0-or-later
/** What the metrics of a node say. Behind a load balancer each read may be answered by another node. */
import { readSamples } from './metrics-text.ts';

/** A read of the metrics. What the node does not show is undefined. */
export type NodeMetrics = {
  /** When they arrived, by `performance.now()`. */
  atMs: number;
  /** When the process started: two reads with the same are of the same process. */
  startedAt: number | undefined;
  batchesInDoubt: number | undefined;
  /** Only the process that runs the stock check has it. */
  stockDifference: number | undefined;
  durabilityDrops: number | undefined;
  /** Only the process that runs the event relay has it and the next one. */
  undeliveredSeconds: number | undefined;
  relayLagSeconds: number | undefined;
};

const names = {
  startedAt: 'process_start_time_seconds',
  batchesInDoubt: 'firstcome_claim_batches_in_doubt',
  stockDifference: 'firstcome_stock_difference_units',
  durabilityDrops: 'firstcome_durability_drops_total',
  undeliveredSeconds: 'firstcome_event_undelivered_seconds',
  relayLagSeconds: 'firstcome_event_relay_lag_seconds',
};

/** Takes what the page needs from the text for Prometheus. */
export function nodeMetrics(text: string, atMs: number): NodeMetrics {
  const samples = readSamples(text, Object.values(names));
  const numberOf = (metric: keyof typeof names) =>
    samples.find(({ name }) => name === names[metric])?.value;
  return {
    atMs,
    startedAt: numberOf('startedAt'),
    batchesInDoubt: numberOf('batchesInDoubt'),
    stockDifference: numberOf('stockDifference'),
    durabilityDrops: numberOf('durabilityDrops'),
    undeliveredSeconds: numberOf('undeliveredSeconds'),
    relayLagSeconds: numberOf('relayLagSeconds'),
  };
}

const keptMs = 300_000;
const freshMs = 60_000;

/** Adds a read to those of the last five minutes. */
export function withMetrics(
  kept: readonly NodeMetrics[],
  metrics: NodeMetrics,
): readonly NodeMetrics[] {
  return [...kept.filter(({ atMs }) => metrics.atMs - atMs <= keptMs), metrics];
}

/** The newest value of a metric that some nodes do not show: at most a minute older than the last read. */
export function newestOf(
  kept: readonly NodeMetrics[],
  metric: 'stockDifference' | 'undeliveredSeconds' | 'relayLagSeconds',
): number | undefined {
  const last = kept.at(-1);
  if (last === undefined) return undefined;
  return kept.findLast(
    ({ atMs, [metric]: value }) => value !== undefined && last.atMs - atMs <= freshMs,
  )?.[metric];
}

/** How often the durability has dropped since the first read that is kept, of the process that has seen most of it. */
export function dropsIn(kept: readonly NodeMetrics[]): number {
  const firstByProcess = new Map<number | undefined, number>();
  let drops = 0;
  for (const { startedAt, durabilityDrops } of kept) {
    if (durabilityDrops === undefined) continue;
    const first = firstByProcess.get(startedAt);
    if (first === undefined) firstByProcess.set(startedAt, durabilityDrops);
    else drops = Math.max(drops, durabilityDrops - first);
  }
  return drops;
}

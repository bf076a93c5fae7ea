// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import { durabilityLevels, unhealthyReasons } from '../../core/health.ts';
import type { MetricSources } from './metric-sources.ts';

/** Registers the metrics of the database's health and durability. */
export function registerHealth(
  registry: Registry,
  { databaseUp, healthSeen }: Pick<MetricSources, 'databaseUp' | 'healthSeen'>,
): void {
  const registers = [registry];
  new Gauge({
    name: 'firstcome_database_up',
    help: '1 if the database can decide claims, else 0.',
    ...{ registers, aggregator: 'min' },
    async collect() {
      this.set(Number(await databaseUp()));
    },
  });
  new Gauge({
    name: 'firstcome_unhealthy',
    help: '1 for the reason that /health shows, else 0. All are 0 while the service is healthy, or knows no reason.',
    labelNames: ['reason'],
    ...{ registers, aggregator: 'max' },
    collect() {
      for (const reason of unhealthyReasons) {
        this.set({ reason }, Number(healthSeen().reason === reason));
      }
    },
  });
  new Gauge({
    name: 'firstcome_durability',
    help: '1 for the level of durability that the database has shown last, else 0.',
    labelNames: ['level'],
    ...{ registers, aggregator: 'max' },
    collect() {
      for (const level of durabilityLevels) {
        this.set({ level }, Number(healthSeen().durability === level));
      }
    },
  });
  // Each worker sees the same drops, so a sum would count them several times.
  new Counter({
    name: 'firstcome_durability_drops_total',
    help: 'How often the level of durability has dropped, as from replicated to local.',
    ...{ registers, aggregator: 'max' },
    collect() {
      this.reset();
      this.inc(healthSeen().durabilityDrops);
    },
  });
}

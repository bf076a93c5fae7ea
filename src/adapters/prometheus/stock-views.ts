// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Histogram, type Registry } from 'prom-client';
import type { StockViewMetrics, StockViewSource } from '../../core/stock/stock-view.ts';

/** Registers what every process counts of its stock views. Each read only adds to numbers. */
export function countStockViews(registry: Registry): StockViewMetrics {
  const registers = [registry];
  const reads: Record<StockViewSource, number> = { process: 0, shared: 0, database: 0 };
  new Counter({
    name: 'firstcome_stock_view_reads_total',
    help: 'Reads of coupons that accept a cached view, by where it came from: process, shared (Redis) or database.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      for (const [source, count] of Object.entries(reads)) this.inc({ source }, count);
    },
  });
  const ages = new Histogram({
    name: 'firstcome_stock_view_age_seconds',
    help: 'How old a view was at most when it was read; 0 for one that was read from the database for it.',
    buckets: [0, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const queries = new Counter({
    name: 'firstcome_stock_view_queries_total',
    help: 'Queries that have read stock views from the database.',
    registers,
  });
  const queried = new Counter({
    name: 'firstcome_stock_views_read_total',
    help: 'Stock views that were read from the database, several with one query.',
    registers,
  });
  return {
    viewRead(source, ageMs) {
      reads[source] += 1;
      ages.observe(ageMs / 1000);
    },
    viewsQueried(count) {
      queries.inc();
      queried.inc(count);
    },
  };
}

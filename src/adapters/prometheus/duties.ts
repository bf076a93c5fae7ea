// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricSources } from './metric-sources.ts';

type State = ReturnType<MetricSources['duties']>;
type Reading = { labels?: Record<string, string>; value: number };

/**
 * Registers the metrics of the duties. Only the process that runs a duty shows what it has found, so that no other one
 * shows an old result; every process that can run it shows whether it does, and what it has done.
 */
export function registerDuties(registry: Registry, read: () => State): void {
  const registers = [registry];
  const gauge = (
    [name, help]: [string, string],
    readings: (state: State) => Reading[],
    labelNames: string[] = [],
  ) =>
    new Gauge({
      ...{ name: `firstcome_${name}`, help, registers, labelNames, aggregator: 'max' },
      collect() {
        this.reset();
        // Without labels, a reset gauge shows 0.
        if (labelNames.length === 0) this.remove();
        for (const { labels = {}, value } of readings(read())) this.set(labels, value);
      },
    });
  gauge(
    [
      'duty_running',
      '1 if this service runs the duty now, 0 if another one or none does, by duty.',
    ],
    ({ running }) =>
      running.map(({ duty, isRunning }) => ({ labels: { duty }, value: Number(isRunning) })),
    ['duty'],
  );
  registerStockCheck(gauge, registers, read);
  registerExpirySweep(gauge, registers, read);
  gauge(
    ['event_relay_lag_seconds', 'How long a change may have waited to become an event, at most.'],
    ({ eventRelay }) => (eventRelay === undefined ? [] : [{ value: eventRelay.lagMs / 1000 }]),
  );
}

type AddGauge = (
  name: [string, string],
  readings: (state: State) => Reading[],
  labelNames?: string[],
) => unknown;

function registerStockCheck(gauge: AddGauge, registers: Registry[], read: () => State): void {
  const found = (value: (found: FoundStock) => Reading[]) => (state: State) => {
    const stock = state.stockCheck?.found;
    return stock === undefined ? [] : value(stock);
  };
  gauge(
    ['stock_difference_units', 'Units by which stock, claims and ledger disagree. Must be 0.'],
    found(({ difference }) => [{ value: difference }]),
  );
  gauge(
    [
      'stock_check_age_seconds',
      'Time since the stock check last completed a round over all coupons.',
    ],
    found(({ ageMs }) => [{ value: ageMs / 1000 }]),
  );
  gauge(
    [
      'stock_units',
      'Units of coupons that are not archived, at the last round of the stock check, by kind.',
    ],
    found(({ totals }) => {
      if (totals === undefined) return [];
      const { amount, remaining } = totals;
      return Object.entries({ amount, remaining }).map(([kind, value]) => ({
        ...{ labels: { kind }, value },
      }));
    }),
    ['kind'],
  );
  new Counter({
    name: 'firstcome_stock_check_steps_total',
    help: 'Steps of the stock check, by result.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      const steps = read().stockCheck?.steps;
      // The check is switched off. A counter at 0 would look like a check that has stalled.
      if (steps === undefined) return;
      this.inc({ result: 'done' }, steps.done);
      this.inc({ result: 'failed' }, steps.failed);
    },
  });
}

type FoundStock = NonNullable<NonNullable<State['stockCheck']>['found']>;

function registerExpirySweep(gauge: AddGauge, registers: Registry[], read: () => State): void {
  gauge(
    [
      'holds_overdue_seconds',
      'How long the oldest expired hold may have waited for its release, at most.',
    ],
    ({ expirySweep }) =>
      expirySweep?.current === undefined ? [] : [{ value: expirySweep.current.overdueMs / 1000 }],
  );
  gauge(
    ['holds_open', 'Reserved claims, as of the last complete count of the expiry sweep.'],
    ({ expirySweep }) => {
      const holds = expirySweep?.current?.openHolds;
      return holds === undefined ? [] : [{ value: holds }];
    },
  );
  new Counter({
    name: 'firstcome_holds_swept_total',
    help: 'Expired holds that the expiry sweep has released. A decision releases those whose units it needs.',
    registers,
    collect() {
      this.reset();
      const sweep = read().expirySweep;
      if (sweep !== undefined) this.inc(sweep.released);
    },
  });
}

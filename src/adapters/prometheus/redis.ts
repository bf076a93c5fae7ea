// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import type { RedisReading } from './metric-sources.ts';

type Series = { labels: Record<string, string>; value: number };

/** Registers the metrics of Redis. */
export function registerRedis(registry: Registry, read: () => RedisReading): void {
  const registers = [registry];
  new Gauge({
    name: 'firstcome_redis_up',
    help: '1 if Redis answers in time, else 0. Absent without REDIS_URL.',
    ...{ registers, aggregator: 'min' },
    collect() {
      this.set(Number(read().isUp));
    },
  });
  const counter = (
    [name, help]: [string, string],
    labelNames: string[],
    series: (reading: RedisReading) => Series[],
  ) =>
    new Counter({
      ...{ name: `firstcome_${name}`, help, labelNames, registers },
      collect() {
        this.reset();
        for (const { labels, value } of series(read())) this.inc(labels, value);
      },
    });
  counter(
    [
      'redis_calls_total',
      'Calls to Redis, by result: ok, refused, timeout, or away for those that were not sent or lost their connection.',
    ],
    ['result'],
    ({ calls }) => byLabel('result', calls),
  );
  counter(
    [
      'stock_notifications_total',
      'Notifications of sold-out coupons and of units that came back, by kind and direction.',
    ],
    ['kind', 'direction'],
    ({ notifications }) =>
      Object.entries(notifications).flatMap(([direction, counts]) =>
        byLabel('kind', counts).map(({ labels, value }) => ({
          labels: { ...labels, direction },
          value,
        })),
      ),
  );
  counter(
    [
      'duty_mutex_attempts_total',
      'Attempts to get the mutex in front of the lease of a duty, by result. unknown: the lease alone decided.',
    ],
    ['result'],
    ({ dutyMutex }) => byLabel('result', dutyMutex),
  );
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): Series[] {
  return Object.entries(counts).map(([value, count]) => ({
    labels: { [label]: value },
    value: count,
  }));
}

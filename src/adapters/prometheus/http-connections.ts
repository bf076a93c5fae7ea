// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricSources } from './metric-sources.ts';

type State = ReturnType<MetricSources['httpConnections']>;

/** The metrics of the clients' connections, read at each scrape. */
export function registerHttpConnections(registry: Registry, read: () => State): void {
  const registers = [registry];
  const gauge = (suffix: string, help: string, value: (state: State) => number) => ({
    ...{ name: `firstcome_http_connections${suffix}`, help, registers },
    collect(this: Gauge) {
      this.set(value(read()));
    },
  });
  new Gauge(gauge('', 'Connections of clients that are open.', ({ open }) => open));
  new Gauge(gauge('_idle', 'Connections that wait for their next request.', ({ idle }) => idle));
  new Gauge(gauge('_max', 'Connections of clients that may be open.', ({ max }) => max));
  new Gauge({
    ...gauge(
      '_ratio',
      'Open connections as a part of those that may be, in the process where it is largest.',
      ({ open, max }) => open / max,
    ),
    aggregator: 'max',
  });
  new Counter({
    name: 'firstcome_http_connections_closed_total',
    help: 'Connections closed, or requests on them refused, to stay within HTTP_CONNECTIONS_MAX, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(read().closed)) this.inc({ reason }, count);
    },
  });
}

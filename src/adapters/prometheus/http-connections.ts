// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricSources } from './metric-sources.ts';

type State = ReturnType<MetricSources['httpConnections']>;

/** Registers the metrics of client connections, which are read at each scrape. */
export function registerHttpConnections(registry: Registry, read: () => State): void {
  const registers = [registry];
  const gauge = (suffix: string, help: string, value: (state: State) => number) => ({
    ...{ name: `firstcome_http_connections${suffix}`, help, registers },
    collect(this: Gauge) {
      this.set(value(read()));
    },
  });
  new Gauge(gauge('', 'Open client connections, event streams left out.', ({ open }) => open));
  new Gauge(
    gauge('_idle', 'Client connections that wait for their next request.', ({ idle }) => idle),
  );
  new Gauge(gauge('_max', 'Limit of open client connections.', ({ max }) => max));
  new Gauge({
    ...gauge(
      '_ratio',
      'Open client connections as a share of the limit; with several workers, the largest share.',
      ({ open, max }) => open / max,
    ),
    aggregator: 'max',
  });
  new Counter({
    name: 'firstcome_http_connections_closed_total',
    help: 'Client connections closed, or requests on them refused, to stay within HTTP_CONNECTIONS_MAX, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(read().closed)) this.inc({ reason }, count);
    },
  });
}

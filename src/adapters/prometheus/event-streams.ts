// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricSources } from './metric-sources.ts';

type State = ReturnType<MetricSources['eventStreams']>;

/** Registers the metrics of event streams, which are read at each scrape. */
export function registerEventStreams(registry: Registry, read: () => State): void {
  const registers = [registry];
  const gauge = (suffix: string, help: string, value: (state: State) => number) => ({
    ...{ name: `firstcome_event_streams${suffix}`, help, registers },
    collect(this: Gauge) {
      this.set(value(read()));
    },
  });
  const counter = (suffix: string, help: string, value: (state: State) => number) =>
    new Counter({
      ...{ name: `firstcome_event_stream${suffix}_total`, help, registers },
      collect() {
        this.reset();
        this.inc(value(read()));
      },
    });
  new Gauge(gauge('', 'Open event streams.', ({ open }) => open));
  new Gauge(gauge('_max', 'Limit of open event streams.', ({ max }) => max));
  counter('s_opened', 'Event streams opened.', ({ opened }) => opened);
  counter(
    's_refused',
    'Event streams refused to stay within EVENT_STREAMS_MAX.',
    (state) => state.refused,
  );
  counter(
    's_dropped',
    'Event streams cut because their client did not read.',
    (state) => state.dropped,
  );
  counter(
    '_events',
    'Events written to event streams, without heartbeats.',
    ({ written }) => written,
  );
}

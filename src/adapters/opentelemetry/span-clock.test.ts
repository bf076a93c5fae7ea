// SPDX-License-Identifier: GPL-3.0-or-later
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { spanClock, withClock } from './span-clock.ts';

const startMs = Date.parse('2030-01-31T18:00:00.000Z');

/** Clocks that a test sets; `errorMs` is what the wall clock is set by. */
function setup() {
  const clocks = { elapsedMs: 0, errorMs: 0 };
  const nowMs = spanClock({
    wallMs: () => Math.floor(startMs + clocks.elapsedMs + clocks.errorMs),
    monotonicMs: () => 5_000 + clocks.elapsedMs,
  });
  return { clocks, nowMs };
}

const timeOf = ([seconds, nanos]: ReadableSpan['startTime']) => seconds * 1_000 + nanos / 1e6;

describe('the clock of spans', () => {
  it('never goes back when the wall clock is corrected, and follows it', () => {
    for (const errorMs of [-900, -4, 4, 900]) {
      const { clocks, nowMs } = setup();
      clocks.errorMs = errorMs;
      let last = nowMs();
      expect(Math.abs(last - startMs)).toBeLessThan(1);
      const steps: number[] = [];
      for (clocks.elapsedMs = 100; clocks.elapsedMs < 100_000; clocks.elapsedMs += 100) {
        const next = nowMs();
        steps.push(next - last);
        last = next;
      }
      expect(Math.min(...steps)).toBeGreaterThan(98.9);
      expect(Math.max(...steps)).toBeLessThan(101.1);
      expect(Math.abs(nowMs() - (startMs + clocks.elapsedMs + errorMs))).toBeLessThan(3);
    }
  });

  it('measures durations exactly while the wall clock is right', () => {
    const { clocks, nowMs } = setup();
    for (const elapsedMs of [0.25, 1.5, 17.75, 3_600_000.5]) {
      clocks.elapsedMs = elapsedMs;
      expect(nowMs() - startMs).toBeCloseTo(elapsedMs, 3);
    }
  });

  it.each([-3_600_000, 3_600_000])(
    'follows a wall clock at once that is set by %d ms',
    (errorMs) => {
      const { clocks, nowMs } = setup();
      Object.assign(clocks, { elapsedMs: 10, errorMs });
      expect(nowMs()).toBe(startMs + 10 + errorMs);
    },
  );
});

describe('spans with this clock', () => {
  it('keep their order when the wall clock steps back between two starts', () => {
    const { clocks, nowMs } = setup();
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const tracer = withClock(provider.getTracer('test'), nowMs);
    const outer = tracer.startSpan('request');
    clocks.elapsedMs = 1;
    clocks.errorMs = -5;
    const inner = tracer.startSpan('batch');
    clocks.elapsedMs = 2;
    inner.end();
    clocks.elapsedMs = 3;
    outer.end();
    const [batch, request] = exporter.getFinishedSpans() as [ReadableSpan, ReadableSpan];
    expect(timeOf(request.startTime)).toBeLessThan(timeOf(batch.startTime));
    expect(timeOf(batch.endTime)).toBeLessThan(timeOf(request.endTime));
    expect(timeOf(request.startTime)).toBe(startMs);
  });

  it('have the start and the end that they are given', () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const tracer = withClock(provider.getTracer('test'), setup().nowMs);
    tracer.startSpan('saga', { startTime: startMs - 7_000 }).end(startMs - 1_000);
    const [saga] = exporter.getFinishedSpans() as [ReadableSpan];
    expect([saga.startTime, saga.endTime].map(timeOf)).toEqual([startMs - 7_000, startMs - 1_000]);
  });
});

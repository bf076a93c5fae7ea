// SPDX-License-Identifier: GPL-3.0-or-later
import type { Tracer } from '@opentelemetry/api';

/** The clocks of a process, in milliseconds: one since 1970, which can be set, and one that never goes back. */
export type ProcessClocks = { wallMs(): number; monotonicMs(): number };

// Below it lies the rounding of the wall clock to milliseconds.
const errorMsMin = 2;
// From here on the wall clock was set, or the machine slept: it is followed at once.
const errorMsMax = 1_000;
// A duration is wrong by this share at most while an error is corrected.
const correctionMax = 0.01;

/**
 * Returns a clock for all spans of a process, in milliseconds since 1970. Without it each span would read the wall clock at its
 * start alone, and a small correction of that clock would change the order of spans. This one never goes back and follows
 * the wall clock slowly, except when that is set by a second or more.
 */
export function spanClock({ wallMs, monotonicMs }: ProcessClocks): () => number {
  let lastMs = monotonicMs();
  let offsetMs = wallMs() - lastMs;
  return () => {
    const nowMs = monotonicMs();
    const errorMs = wallMs() - (nowMs + offsetMs);
    const correctionMs = (nowMs - lastMs) * correctionMax;
    lastMs = nowMs;
    if (Math.abs(errorMs) >= errorMsMax) offsetMs += errorMs;
    else if (Math.abs(errorMs) > errorMsMin) offsetMs += Math.sign(errorMs) * correctionMs;
    return nowMs + offsetMs;
  };
}

/** The same tracer, whose spans start and end by this clock, unless they are given a time. */
export function withClock(tracer: Tracer, nowMs: () => number): Tracer {
  const startSpan: Tracer['startSpan'] = (name, options, context) => {
    const startTime = options?.startTime ?? nowMs();
    const span = tracer.startSpan(name, { ...options, startTime }, context);
    const end = span.end.bind(span);
    span.end = (endTime = nowMs()) => end(endTime);
    return span;
  };
  return Object.assign(Object.create(tracer), { startSpan });
}

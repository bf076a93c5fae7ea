// SPDX-License-Identifier: GPL-3.0-or-later
/** The faults of a run, in the time of its history. */
import { writeFileSync } from 'node:fs';
import type { FaultEvent } from '../../src/proof/history.ts';

/** In milliseconds since the start of the history. */
export type TimeSpan = { fromMs: number; toMs: number };

/** A fault from start to end. */
export type FaultSpan = { fault: string } & TimeSpan;

/** The start or the end of a fault, with a time of the wall clock. */
export type TimedFault = Omit<FaultEvent, 't_ms'> & { atMs: number };

/** Writes the faults in the time of the history, and returns their spans. */
export function writeFaults(
  file: string,
  events: readonly TimedFault[],
  historyBeganMs: number,
): FaultSpan[] {
  const lines = events.map(
    ({ atMs, ...event }): FaultEvent => ({ t_ms: Math.max(0, atMs - historyBeganMs), ...event }),
  );
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return lines.flatMap((line, index) => {
    const end = lines[index + 1];
    return line.phase === 'end' || end === undefined
      ? []
      : [{ fault: line.fault, fromMs: line.t_ms, toMs: end.t_ms }];
  });
}

/** From the start of the first fault to the end of the last; undefined without faults. */
export function wholeSpan(faults: readonly FaultSpan[]): TimeSpan | undefined {
  const [first] = faults;
  return first && { fromMs: first.fromMs, toMs: Math.max(...faults.map(({ toMs }) => toMs)) };
}

const feltMs = 5000;

/** Whether a fault may have affected what happened at this time. */
export function isNear(ms: number, faults: readonly FaultSpan[]): boolean {
  return faults.some(({ fromMs, toMs }) => ms >= fromMs && ms <= toMs + feltMs);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { Members } from './members.ts';
import { isCutOff, parseObject, readLines } from './read-lines.ts';
import { microseconds } from './times.ts';

/** A fault from its start to its end. A fault without an end lasts forever. */
export type FaultSpan = { fault: string; beginMs: number; endMs: number };

/**
 * Reads a file of faults and joins each end to the oldest open fault of the same name. Times are relative to
 * `startedAt`, the start of the history. Throws a `RecordingError` that names the line when an event is invalid or has
 * no start.
 */
export async function readFaults(file: string, startedAt: string): Promise<FaultSpan[]> {
  const spans: FaultSpan[] = [];
  await readLines(file, (line) => {
    if (isCutOff(line)) return;
    const event = new Members(line.number, parseObject(line));
    const fault = event.text('fault');
    const ms = event.has('at')
      ? (event.time('at') - microseconds(startedAt)) / 1000
      : event.number('t_ms');
    if (event.oneOf('phase', ['start', 'end']) === 'start') {
      spans.push({ fault, beginMs: ms, endMs: Number.POSITIVE_INFINITY });
      return;
    }
    const begun = spans.find(
      (span) => span.fault === fault && span.endMs === Number.POSITIVE_INFINITY,
    );
    if (begun === undefined) return event.fail(`${fault} ends but never began`);
    if (ms < begun.beginMs) event.fail(`${fault} ends before it began`);
    begun.endMs = ms;
  });
  return spans;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type CloseCounts, ConnectionLog } from './connection-log.ts';

const lines: [event: Record<string, unknown>, message: string][] = [];
let log: ConnectionLog;

beforeEach(() => {
  vi.useFakeTimers();
  lines.length = 0;
  log = new ConnectionLog({
    warn: (...line) => lines.push(line),
    facts: () => ({ open: 9000, max: 10_000 }),
    nowMs: () => Date.now(),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

it('a log line has the counts, the limit and the name of the setting', () => {
  for (let count = 0; count < 300; count += 1) log.count('idle');
  log.count('refused');
  expect(lines).toEqual([]);
  vi.advanceTimersByTime(1000);
  const closed = { idle: 300, silent: 0, slow: 0, refused: 1, dropped: 0 };
  expect(lines).toEqual([
    [{ open: 9000, max: 10_000, closed }, expect.stringContaining('HTTP_CONNECTIONS_MAX')],
  ]);
  expect(lines[0]?.[1].length).toBeLessThanOrEqual(80);
});

it('the log has at most one line a minute and loses no count', () => {
  const minutes = 10;
  for (let second = 0; second < minutes * 60; second += 1) {
    log.count('idle');
    vi.advanceTimersByTime(1000);
  }
  expect(lines).toHaveLength(minutes);
  vi.advanceTimersByTime(60_000);
  const counted = lines.map(([event]) => (event.closed as CloseCounts).idle);
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(minutes * 60);
  expect(log.totals.idle).toBe(minutes * 60);
  vi.advanceTimersByTime(600_000);
  expect(lines).toHaveLength(minutes + 1);
});

it('the end of the service logs the remaining counts once', () => {
  log.end();
  expect(lines).toEqual([]);
  log.count('slow');
  log.end();
  log.end();
  expect(lines.map(([event]) => (event.closed as CloseCounts).slow)).toEqual([1]);
  vi.advanceTimersByTime(600_000);
  expect(lines).toHaveLength(1);
});

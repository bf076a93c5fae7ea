// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, expect, it } from 'vitest';
import { NotPrimaryError } from '../connections/verify-session.ts';
import { DatabaseFault } from '../errors/pg-error.ts';
import { OutageLog } from './outage-log.ts';

const fault = new DatabaseFault('lost', new Error('no answer'));
const goneLine = [
  { reason: 'no answer' },
  'the database is gone: no statement was answered for a second or more',
];

let nowMs = 0;
let lines: unknown[][] = [];
let outage: OutageLog;

beforeEach(() => {
  nowMs = 0;
  lines = [];
  outage = new OutageLog({
    warn: (event, message) => lines.push([event, message]),
    nowMs: () => nowMs,
  });
});

function at(ms: number, event: 'answered' | 'failed' | 'no writes'): void {
  nowMs = ms;
  if (event === 'answered') outage.answered();
  else outage.failed(event === 'failed' ? fault : noWrites);
}

const noWrites = new DatabaseFault('not_sent', new NotPrimaryError({ inRecovery: true }));
const noWritesLine = [
  { reason: expect.stringContaining('not a writable primary') },
  'the database server takes no writes: it is a standby or read-only',
];

it('logs once that the database is gone, and once that it is back', () => {
  for (const ms of [100, 500, 1_100, 1_200, 5_000]) at(ms, 'failed');
  expect(lines).toEqual([goneLine]);
  at(6_100, 'answered');
  at(6_200, 'answered');
  expect(lines).toEqual([goneLine, [{ goneMs: 6_000 }, 'the database answers again']]);
  for (const ms of [7_000, 8_000]) at(ms, 'failed');
  expect(lines.slice(2)).toEqual([goneLine]);
});

it('logs nothing while some statements fail and others are answered', () => {
  for (let ms = 0; ms < 5_000; ms += 500) at(ms, ms % 1_000 === 0 ? 'failed' : 'answered');
  expect(lines).toEqual([]);
});

it('logs a server that takes no writes at once and only once, and the next answer', () => {
  for (const ms of [100, 200, 1_500, 5_000]) at(ms, 'no writes');
  expect(lines).toEqual([noWritesLine]);
  at(6_100, 'answered');
  expect(lines).toEqual([noWritesLine, [{ goneMs: 6_000 }, 'the database answers again']]);
});

it('logs a server that answers reads and refuses writes once a minute', () => {
  for (let ms = 0; ms < 120_000; ms += 500) at(ms, ms % 1_000 === 0 ? 'no writes' : 'answered');
  expect(lines.filter(([, message]) => message === noWritesLine[1])).toHaveLength(2);
});

it('logs a server that takes no writes for a second, also soon after the last such line', () => {
  at(0, 'no writes');
  at(100, 'answered');
  at(200, 'no writes');
  expect(lines).toHaveLength(2);
  at(1_200, 'no writes');
  expect(lines.slice(2)).toEqual([noWritesLine]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, expect, it } from 'vitest';
import { NoPrimaryError } from '../connections/verify-session.ts';
import { DatabaseFault } from '../errors/pg-error.ts';
import { OutageLog } from './outage-log.ts';

const fault = new DatabaseFault('lost', new Error('no answer'));
const gone = [
  { reason: 'no answer' },
  'the database is gone: no statement was answered for a second or more',
];

let nowMs = 0;
let told: unknown[][] = [];
let outage: OutageLog;

beforeEach(() => {
  nowMs = 0;
  told = [];
  outage = new OutageLog({
    warn: (event, message) => told.push([event, message]),
    nowMs: () => nowMs,
  });
});

function at(ms: number, what: 'answered' | 'failed' | 'no primary'): void {
  nowMs = ms;
  if (what === 'answered') outage.answered();
  else outage.failed(what === 'failed' ? fault : noPrimary);
}

const noPrimary = new DatabaseFault('not_sent', new NoPrimaryError({ inRecovery: true }));
const noWrites = [
  { reason: expect.stringContaining('not a writable primary') },
  'the database server takes no writes: it is a standby or read-only',
];

it('a database that is gone is told once, and once that it is back', () => {
  for (const ms of [100, 500, 1_100, 1_200, 5_000]) at(ms, 'failed');
  expect(told).toEqual([gone]);
  at(6_100, 'answered');
  at(6_200, 'answered');
  expect(told).toEqual([gone, [{ goneMs: 6_000 }, 'the database answers again']]);
  for (const ms of [7_000, 8_000]) at(ms, 'failed');
  expect(told.slice(2)).toEqual([gone]);
});

it('statements that fail between others that are answered tell of no outage', () => {
  for (let ms = 0; ms < 5_000; ms += 500) at(ms, ms % 1_000 === 0 ? 'failed' : 'answered');
  expect(told).toEqual([]);
});

it('a server that takes no writes is logged at once and once, and so is the next answer', () => {
  for (const ms of [100, 200, 1_500, 5_000]) at(ms, 'no primary');
  expect(told).toEqual([noWrites]);
  at(6_100, 'answered');
  expect(told).toEqual([noWrites, [{ goneMs: 6_000 }, 'the database answers again']]);
});

it('a server that answers reads and refuses writes is logged once a minute', () => {
  for (let ms = 0; ms < 120_000; ms += 500) at(ms, ms % 1_000 === 0 ? 'no primary' : 'answered');
  expect(told.filter(([, message]) => message === noWrites[1])).toHaveLength(2);
});

it('a server that takes no writes for a second is logged, also soon after another one', () => {
  at(0, 'no primary');
  at(100, 'answered');
  at(200, 'no primary');
  expect(told).toHaveLength(2);
  at(1_200, 'no primary');
  expect(told.slice(2)).toEqual([noWrites]);
});

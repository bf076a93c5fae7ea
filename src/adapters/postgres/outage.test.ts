// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, expect, it } from 'vitest';
import { Outage } from './outage.ts';
import { DatabaseFault } from './pg-error.ts';

const fault = new DatabaseFault('lost', new Error('no answer'));
const gone = [
  { reason: 'no answer' },
  'the database is gone: no statement was answered for a second or more',
];

let nowMs = 0;
let told: unknown[][] = [];
let outage: Outage;

beforeEach(() => {
  nowMs = 0;
  told = [];
  outage = new Outage({
    warn: (event, message) => told.push([event, message]),
    nowMs: () => nowMs,
  });
});

function at(ms: number, what: 'answered' | 'failed'): void {
  nowMs = ms;
  if (what === 'answered') outage.answered();
  else outage.failed(fault);
}

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

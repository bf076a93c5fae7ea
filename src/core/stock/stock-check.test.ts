// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { type CouponDifference, StockCheck, type StockCheckReader } from './stock-check.ts';

const differingBy = (units: number): CouponDifference[] =>
  units === 0 ? [] : [{ coupon: 'OFF', units }];

/** Pages that a test sets; each read takes the next one. A difference is always of one coupon. */
function scripted(pages: { coupons: [string | undefined, number][]; claims: number[] }) {
  const reads: string[] = [];
  const reader: StockCheckReader = {
    async checkCoupons(afterId) {
      reads.push(`coupons after ${afterId}`);
      const [next, difference] = pages.coupons.shift() ?? [undefined, 0];
      const differing = differingBy(difference);
      return { next, difference, differing, coupons: 2, amount: 10, remaining: 4 };
    },
    async checkClaims({ couponId, seq }) {
      reads.push(`claims from ${couponId}:${seq}`);
      const difference = pages.claims.shift() ?? 0;
      return {
        next:
          pages.claims.length > 0
            ? { couponId: '7', seq: 3, batchId: 'batch', carried: '9' }
            : undefined,
        ...{ difference, differing: differingBy(difference) },
      };
    },
    async checkLedger({ couponId, seq }) {
      reads.push(`ledger from ${couponId}:${seq}`);
      return { next: undefined, difference: 0, differing: [] };
    },
  };
  return { reader, reads };
}

function checking(reader: StockCheckReader) {
  const clock = new FixedClock();
  const lines: [level: string, event: Record<string, unknown>][] = [];
  const log = {
    error: (event: Record<string, unknown>) => void lines.push(['error', event]),
    warn: (event: Record<string, unknown>) => void lines.push(['warn', event]),
  };
  const check = new StockCheck({ reader, clock, log, intervalMs: 1000 });
  const end = check.begin();
  const ticks = async (count: number) => {
    for (let tick = 0; tick < count; tick += 1) {
      clock.advance(1000);
      await flushPromises();
    }
  };
  return { check, end, ticks, clock, lines };
}

it('checks coupons, claims and ledger, one page per tick, and starts again', async () => {
  const { reader, reads } = scripted({
    coupons: [
      ['5', 0],
      [undefined, 0],
    ],
    claims: [0, 0],
  });
  const { check, ticks } = checking(reader);
  await ticks(4);
  expect(check.state().found).toMatchObject({ totals: undefined, ageMs: 4000 });
  await ticks(1);
  expect(check.state()).toEqual({
    found: { difference: 0, ageMs: 0, totals: { coupons: 4, amount: 20, remaining: 8 } },
    steps: { done: 5, failed: 0 },
  });
  await ticks(1);
  expect(reads).toEqual([
    ...['coupons after 0', 'coupons after 5', 'claims from 0:0', 'claims from 7:3'],
    ...['ledger from 0:0', 'coupons after 0'],
  ]);
});

it('shows a difference at once, and until a round has found none', async () => {
  const { reader } = scripted({ coupons: [], claims: [3] });
  const { check, ticks } = checking(reader);
  await ticks(2);
  expect(check.state().found?.difference).toBe(3);
  await ticks(3);
  expect(check.state().found?.difference).toBe(3);
  await ticks(1);
  expect(check.state().found?.difference).toBe(0);
});

it('reads a page again that could not be read, and shows that no round has ended', async () => {
  const { reader, reads } = scripted({ coupons: [], claims: [] });
  const claims = reader.checkClaims;
  let failures = 2;
  reader.checkClaims = (after) => {
    failures -= 1;
    return failures >= 0 ? Promise.reject(new Error('away')) : claims(after);
  };
  const { check, ticks } = checking(reader);
  await ticks(3);
  expect(check.state().found?.ageMs).toBe(3000);
  await ticks(2);
  expect(reads).toEqual(['coupons after 0', 'claims from 0:0', 'ledger from 0:0']);
  expect(check.state()).toMatchObject({ found: { ageMs: 0 }, steps: { done: 3, failed: 2 } });
});

it('reads nothing and shows nothing that it has found before it begins and after it ended', async () => {
  const { reader, reads } = scripted({ coupons: [[undefined, 4]], claims: [] });
  const { check, end, ticks, lines } = checking(reader);
  await ticks(2);
  expect(check.state().found?.difference).toBe(4);
  await end();
  const readBefore = reads.length;
  await ticks(10);
  expect(reads).toHaveLength(readBefore);
  expect(lines).toHaveLength(1);
  expect(check.state()).toEqual({ found: undefined, steps: { done: 2, failed: 0 } });
});

it('begins a new round without the findings of an earlier run', async () => {
  const { reader, reads } = scripted({ coupons: [[undefined, 4]], claims: [] });
  const { check, end, ticks } = checking(reader);
  await ticks(2);
  await end();
  check.begin();
  expect(check.state().found).toEqual({ difference: 0, ageMs: 0, totals: undefined });
  await ticks(1);
  expect(reads.slice(2)).toEqual(['coupons after 0']);
});

it('ends only when no page is being read any more', async () => {
  const { reader } = scripted({ coupons: [], claims: [] });
  let finish = () => {};
  const read = reader.checkCoupons;
  reader.checkCoupons = async (after) => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return read(after);
  };
  const { end, ticks } = checking(reader);
  await ticks(1);
  let isOver = false;
  const ended = end().then(() => {
    isOver = true;
  });
  await flushPromises();
  expect(isOver).toBe(false);
  finish();
  await ended;
});

it('logs the coupons that differ at once and then once a minute', async () => {
  const { reader } = scripted({ coupons: [], claims: [] });
  reader.checkClaims = async () => ({
    next: undefined,
    difference: 3,
    differing: [{ coupon: 'OFF', units: 3 }],
  });
  const { ticks, lines } = checking(reader);
  await ticks(2);
  const line = ['error', { part: 'claims', difference: 3, coupons: [{ coupon: 'OFF', units: 3 }] }];
  expect(lines).toEqual([line]);
  // Each round finds it again.
  await ticks(59);
  expect(lines).toHaveLength(1);
  await ticks(3);
  expect(lines).toEqual([line, line]);
});

it('logs another coupon, and the same one in another part, within the minute', async () => {
  const { reader } = scripted({ coupons: [], claims: [2, 2] });
  let ledger = 0;
  reader.checkLedger = async () => {
    ledger += 1;
    const coupon = ledger === 1 ? 'OFF' : 'OTHER';
    return { next: undefined, difference: 1, differing: [{ coupon, units: 1 }] };
  };
  const { ticks, lines } = checking(reader);
  await ticks(7);
  expect(lines.map(([, { part, coupons }]) => [part, coupons])).toEqual([
    ['claims', [{ coupon: 'OFF', units: 2 }]],
    ['ledger', [{ coupon: 'OFF', units: 1 }]],
    ['ledger', [{ coupon: 'OTHER', units: 1 }]],
  ]);
});

it('logs why a page cannot be read once a minute', async () => {
  const { reader } = scripted({ coupons: [], claims: [] });
  const away = new Error('away');
  reader.checkClaims = () => Promise.reject(away);
  const { ticks, lines } = checking(reader);
  await ticks(60);
  expect(lines).toEqual([['warn', { err: away }]]);
  await ticks(3);
  expect(lines).toHaveLength(2);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, settled } from '../../../test/support/fixed-clock.ts';
import { type CouponDifference, StockCheck, type StockCheckReader } from './stock-check.ts';

const differingBy = (units: number): CouponDifference[] =>
  units === 0 ? [] : [{ coupon: 'OFF', units }];

/** Pages as a test scripts them; each read takes the next one. A difference is always that of one coupon. */
function scripted(pages: { coupons: [string | undefined, number][]; claims: number[] }) {
  const asked: string[] = [];
  const reader: StockCheckReader = {
    async checkCoupons(afterId) {
      asked.push(`coupons after ${afterId}`);
      const [next, difference] = pages.coupons.shift() ?? [undefined, 0];
      const differing = differingBy(difference);
      return { next, difference, differing, coupons: 2, amount: 10, remaining: 4 };
    },
    async checkClaims({ couponId, number }) {
      asked.push(`claims after ${couponId}:${number}`);
      const difference = pages.claims.shift() ?? 0;
      return {
        next: pages.claims.length > 0 ? { couponId: '7', number: 3 } : undefined,
        ...{ difference, differing: differingBy(difference) },
      };
    },
    async checkLedger({ couponId, number }) {
      asked.push(`ledger from ${couponId}:${number}`);
      return { next: undefined, difference: 0, differing: [] };
    },
  };
  return { reader, asked };
}

function checking(reader: StockCheckReader) {
  const clock = new FixedClock();
  const lines: [level: string, event: Record<string, unknown>][] = [];
  const log = {
    error: (event: Record<string, unknown>) => void lines.push(['error', event]),
    warn: (event: Record<string, unknown>) => void lines.push(['warn', event]),
  };
  const check = new StockCheck({ reader, clock, log, intervalMs: 1000 });
  const ticks = async (count: number) => {
    for (let tick = 0; tick < count; tick += 1) {
      clock.advance(1000);
      await settled();
    }
  };
  return { check, ticks, clock, log, lines };
}

it('goes round coupons, claims and ledger, a page a tick, and begins again', async () => {
  const { reader, asked } = scripted({
    coupons: [
      ['5', 0],
      [undefined, 0],
    ],
    claims: [0, 0],
  });
  const { check, ticks } = checking(reader);
  await ticks(4);
  expect(check.state()).toMatchObject({ totals: undefined, ageMs: 4000 });
  await ticks(1);
  expect(check.state()).toEqual({
    ...{ difference: 0, ageMs: 0 },
    totals: { coupons: 4, amount: 20, remaining: 8 },
    steps: { done: 5, failed: 0 },
  });
  await ticks(1);
  expect(asked).toEqual([
    ...['coupons after 0', 'coupons after 5', 'claims after 0:0', 'claims after 7:3'],
    ...['ledger from 0:0', 'coupons after 0'],
  ]);
});

it('tells a difference at once, keeps it until a round is clean, and then drops it', async () => {
  const { reader } = scripted({ coupons: [], claims: [3] });
  const { check, ticks } = checking(reader);
  await ticks(2);
  expect(check.state().difference).toBe(3);
  await ticks(3);
  expect(check.state().difference).toBe(3);
  await ticks(1);
  expect(check.state().difference).toBe(0);
});

it('tries a page again that cannot be read, and tells that no round was finished', async () => {
  const { reader, asked } = scripted({ coupons: [], claims: [] });
  const claims = reader.checkClaims;
  let failures = 2;
  reader.checkClaims = (after) => {
    failures -= 1;
    return failures >= 0 ? Promise.reject(new Error('away')) : claims(after);
  };
  const { check, ticks } = checking(reader);
  await ticks(3);
  expect(check.state().ageMs).toBe(3000);
  await ticks(2);
  expect(asked).toEqual(['coupons after 0', 'claims after 0:0', 'ledger from 0:0']);
  expect(check.state()).toMatchObject({ ageMs: 0, steps: { done: 3, failed: 2 } });
});

it('reads nothing when it is turned off, and nothing more after its end', async () => {
  const { reader, asked } = scripted({ coupons: [], claims: [] });
  const { check, ticks, clock, log, lines } = checking(reader);
  const off = new StockCheck({ reader, clock, log, intervalMs: 0 });
  check.stop();
  clock.advance(10_000);
  await ticks(2);
  expect(asked).toEqual([]);
  expect(lines).toEqual([]);
  // Nothing that an alert could take for a check that stands still.
  expect(off.state().steps).toBeUndefined();
});

it('names the coupons that differ in the log, at once and then once a minute', async () => {
  const { reader } = scripted({ coupons: [], claims: [] });
  reader.checkClaims = async () => ({
    next: undefined,
    difference: 3,
    differing: [{ coupon: 'OFF', units: 3 }],
  });
  const { ticks, lines } = checking(reader);
  await ticks(2);
  const told = ['error', { part: 'claims', difference: 3, coupons: [{ coupon: 'OFF', units: 3 }] }];
  expect(lines).toEqual([told]);
  // Each round finds it again.
  await ticks(59);
  expect(lines).toHaveLength(1);
  await ticks(3);
  expect(lines).toEqual([told, told]);
});

it('tells of another coupon, and of the same one in another part, without waiting for a minute', async () => {
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

it('says why a page cannot be read, once a minute', async () => {
  const { reader } = scripted({ coupons: [], claims: [] });
  const away = new Error('away');
  reader.checkClaims = () => Promise.reject(away);
  const { ticks, lines } = checking(reader);
  await ticks(60);
  expect(lines).toEqual([['warn', { err: away }]]);
  await ticks(3);
  expect(lines).toHaveLength(2);
});

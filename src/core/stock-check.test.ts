// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, settled } from '../../test/support/fixed-clock.ts';
import { StockCheck, type StockCheckReader } from './stock-check.ts';

/** Pages as a test scripts them; each read takes the next one. */
function scripted(pages: { coupons: [string | undefined, number][]; claims: number[] }) {
  const asked: string[] = [];
  const reader: StockCheckReader = {
    async checkCoupons(afterId) {
      asked.push(`coupons after ${afterId}`);
      const [next, difference] = pages.coupons.shift() ?? [undefined, 0];
      return { next, difference, coupons: 2, amount: 10, remaining: 4 };
    },
    async checkClaims({ couponId, number }) {
      asked.push(`claims after ${couponId}:${number}`);
      const difference = pages.claims.shift() ?? 0;
      return {
        next: pages.claims.length > 0 ? { couponId: '7', number: 3 } : undefined,
        difference,
      };
    },
    async checkLedger({ couponId, number }) {
      asked.push(`ledger from ${couponId}:${number}`);
      return { next: undefined, difference: 0 };
    },
  };
  return { reader, asked };
}

function checking(reader: StockCheckReader) {
  const clock = new FixedClock();
  const check = new StockCheck({ reader, clock, intervalMs: 1000 });
  const ticks = async (count: number) => {
    for (let tick = 0; tick < count; tick += 1) {
      clock.advance(1000);
      await settled();
    }
  };
  return { check, ticks };
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
  const clock = new FixedClock();
  new StockCheck({ reader, clock, intervalMs: 0 });
  const { check, ticks } = checking(reader);
  check.stop();
  clock.advance(10_000);
  await ticks(2);
  expect(asked).toEqual([]);
});

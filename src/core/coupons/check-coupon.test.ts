// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aStockView } from '../../../test/support/fake-stock-views.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import type { CheckedPage, LedgerCursor } from '../stock/stock-check.ts';
import { type CouponRules, checkCouponWith } from './check-coupon.ts';

type Found = Awaited<ReturnType<CouponRules['run']>>;

const view = aStockView({ name: 'C', remainingAmount: 3 });
const other = String(BigInt(view.coupon.id) + 1n);
const passed: Found = { rows: 0, examples: [] };

const at = (couponId: string, seq: number): LedgerCursor => ({
  ...{ couponId, seq, batchId: null, carried: null },
});

function setup(
  found: Record<string, Found>,
  { takesMs = 0, pages = [] as CheckedPage<LedgerCursor>[] } = {},
) {
  const clock = new FixedClock();
  const run: string[] = [];
  const read = async () => pages.shift() ?? { next: undefined, difference: 0, differing: [] };
  const check = checkCouponWith({
    rules: {
      rules: Object.keys(found).map((name) => ({ name, sentence: `${name} holds.` })),
      async run({ name }) {
        run.push(name);
        await clock.sleep(takesMs);
        return found[name] as Found;
      },
    },
    pages: { checkClaims: read, checkLedger: read },
    views: { read: async () => ({ view, ageMs: 0 }) },
    clock,
  });
  return { clock, check, run };
}

const finished = async <Value>(clock: FixedClock, result: Promise<Value>) => {
  await clock.advance(60_000);
  return await result;
};

describe('a check of a coupon', () => {
  it('is passed where every rule is, and reads no page', async () => {
    const { clock, check } = setup({ one: passed, two: passed });
    const { isConsistent, rules } = await finished(clock, check('C'));
    expect(isConsistent).toBe(true);
    expect(rules.map(({ name, result }) => [name, result])).toEqual([
      ['one', 'passed'],
      ['two', 'passed'],
    ]);
  });

  it('is failed where one is broken, with the rows that break it', async () => {
    const { clock, check } = setup({ one: passed, two: { rows: 2, examples: [{ id: 1 }] } });
    const { isConsistent, rules } = await finished(clock, check('C'));
    expect(isConsistent).toBe(false);
    expect(rules[1]).toEqual({
      ...{ name: 'two', sentence: 'two holds.', result: 'broken', rows: 2, examples: [{ id: 1 }] },
    });
  });

  it('begins no further rule after its time, compares pages then, and is neither passed nor failed', async () => {
    const { clock, check, run } = setup(
      { one: passed, two: passed, three: passed },
      { takesMs: 8_000 },
    );
    const { isConsistent, rules } = await finished(clock, check('C'));
    expect([isConsistent, run]).toEqual([undefined, ['one', 'two']]);
    expect(rules.map(({ name, result }) => [name, result])).toEqual([
      ['one', 'passed'],
      ['two', 'passed'],
      ['three', 'not_finished'],
      ['stock-check-claims', 'passed'],
      ['stock-check-ledger', 'passed'],
    ]);
  });

  it('counts of the pages what is of this coupon, and ends behind it', async () => {
    const differing = [
      { coupon: 'C', units: 2 },
      { coupon: 'D', units: 5 },
    ];
    const pages = [
      { next: at(view.coupon.id, 7), difference: 0, differing: [] },
      { next: at(other, 1), difference: 7, differing },
    ];
    const { clock, check } = setup({ one: 'not_finished' }, { pages });
    const { isConsistent, rules } = await finished(clock, check('C'));
    expect(isConsistent).toBe(false);
    expect(rules[1]).toMatchObject({ result: 'broken', rows: 2, examples: [{ units: 2 }] });
    expect(rules[2]).toMatchObject({ result: 'passed' });
  });

  it('is refused while another one is under way, and possible afterwards', async () => {
    const { clock, check } = setup({ one: passed }, { takesMs: 10 });
    const first = check('C');
    await expect(check('D')).rejects.toMatchObject({ code: 'overloaded' });
    await finished(clock, first);
    await finished(clock, check('D'));
  });
});

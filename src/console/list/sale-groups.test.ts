// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { CouponSummary, ListCouponsArguments } from '../../client.ts';
import { lacksSales, readSaleGroups } from './sale-groups.ts';

const counts = { open: 50, paused: 50, scheduled: 50, closed: 50 };
const everything = { state: undefined, namePrefix: '', isArchived: false };
const { signal } = new AbortController();

/** Returns the pages in turn for each state, and records what was asked for. */
function service(pages: Partial<Record<string, string[][]>>) {
  const asked: ListCouponsArguments[] = [];
  const listCoupons = async (args: ListCouponsArguments) => {
    asked.push(args);
    const all = pages[args.state ?? ''] ?? [[]];
    const index = Number(args.cursor ?? 0);
    const coupons = (all[index] ?? []).map(
      (name) => ({ name, opens_at: null, closes_at: null }) as CouponSummary,
    );
    const next_cursor = index + 1 < all.length ? String(index + 1) : null;
    const value = { coupons, next_cursor };
    return { outcome: 'ok', status: 200, replayed: false, value } as const;
  };
  return { asked, listCoupons };
}

async function groupsOf(pages: Parameters<typeof service>[0]) {
  const result = await readSaleGroups(service(pages).listCoupons, everything, counts, signal);
  if (result.outcome !== 'ok') throw new Error(result.outcome);
  return result.value.map(({ state, sales, hasMore }) => ({
    ...{ state, hasMore },
    names: sales.map(({ name }) => name),
  }));
}

describe('readSaleGroups', () => {
  it('returns open sales first, then paused, scheduled and closed ones', async () => {
    const groups = await groupsOf({
      closed: [['D']],
      open: [['A']],
      scheduled: [['C']],
      paused: [['B']],
    });
    expect(groups.map(({ state, names }) => [state, ...names])).toEqual([
      ['open', 'A'],
      ['paused', 'B'],
      ['scheduled', 'C'],
      ['closed', 'D'],
    ]);
  });

  it('reads on after pages that are empty', async () => {
    const [open] = await groupsOf({ open: [[], [], ['A']] });
    expect(open).toEqual({ state: 'open', names: ['A'], hasMore: false });
  });

  it('shows a sale once whose state changes between two reads', async () => {
    const groups = await groupsOf({ open: [['A']], closed: [['A', 'B']] });
    expect(groups.map(({ names }) => names)).toEqual([['A'], [], [], ['B']]);
  });

  it('reads only as many closed sales as are shown, and says that there are more', async () => {
    const { asked, listCoupons } = service({ closed: [['A'], ['B'], ['C']] });
    const filter = { ...everything, isArchived: true, namePrefix: 'L' };
    const result = await readSaleGroups(listCoupons, filter, { ...counts, closed: 2 }, signal);
    expect(result).toMatchObject({ value: [{ state: 'closed', hasMore: true }] });
    const args = { state: 'closed', order: 'newest', limit: 2, archived: true, name_prefix: 'L' };
    expect(asked).toEqual([args, { ...args, cursor: '1' }]);
  });

  it('returns what refuses one of the reads', async () => {
    const refused = { outcome: 'unavailable', status: 503, problem: {} } as never;
    const result = await readSaleGroups(async () => refused, everything, counts, signal);
    expect(result).toBe(refused);
  });
});

describe('lacksSales', () => {
  const sales = Array(50).fill({ name: 'A' }) as CouponSummary[];

  it.each([
    [51, true, true],
    [51, false, false],
    [50, true, false],
  ])(
    'of 50 sales, where %d are to be shown and there are more: %s, says %s',
    (open, hasMore, is) => {
      const group = { state: 'open', sales, hasMore } as const;
      expect(lacksSales([group], { ...counts, open })).toBe(is);
    },
  );
});

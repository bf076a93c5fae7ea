// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { CouponSummary } from '../../client.ts';
import { inOrder } from './sale-order.ts';

const sale = (name: string, times: Partial<CouponSummary>) =>
  ({ name, opens_at: null, closes_at: null, ...times }) as CouponSummary;
const names = (sales: readonly CouponSummary[]) => sales.map(({ name }) => name);

describe('inOrder', () => {
  it('has the scheduled sale that opens soonest first', () => {
    const sales = [
      sale('later', { opens_at: '2030-02-01T00:00:00.000Z' }),
      sale('soon', { opens_at: '2030-01-31T18:00:00.000Z' }),
    ];
    expect(names(inOrder('scheduled', sales))).toEqual(['soon', 'later']);
  });

  it('has the sale that closed last first, and those without a closing time at the end', () => {
    const sales = [
      sale('archived', {}),
      sale('early', { closes_at: '2030-01-31T18:00:00.000Z' }),
      sale('archived, too', {}),
      sale('late', { closes_at: '2030-02-01T00:00:00.000Z' }),
    ];
    expect(names(inOrder('closed', sales))).toEqual(['late', 'early', 'archived', 'archived, too']);
  });

  it('keeps the order of open sales', () => {
    expect(names(inOrder('open', [sale('b', {}), sale('a', {})]))).toEqual(['b', 'a']);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type NewSale, readNewSale } from './new-sale.ts';

const empty: NewSale = {
  ...{ name: '', title: '', description: '', saga: '' },
  ...{ amount: '', hold_seconds: '', claims_per_user_max: '', stock_low_at: '' },
  ...{ opens_at: null, closes_at: null },
};

describe('readNewSale', () => {
  it('sends what is filled in, and the name as it is', () => {
    const entered = { ...empty, name: ' LAUNCH ', amount: '1,000', hold_seconds: '600' };
    expect(readNewSale({ ...entered, opens_at: Date.parse('2030-01-31T18:00:00Z') })).toEqual({
      args: {
        name: ' LAUNCH ',
        amount: 1_000,
        hold_seconds: 600,
        opens_at: '2030-01-31T18:00:00.000Z',
      },
    });
  });

  it('leaves it to the service to say that something is missing', () => {
    expect(readNewSale(empty)).toEqual({ args: {} });
  });

  it('sends nothing while a field means nothing: a hold that is no number must not become none', () => {
    const result = readNewSale({ ...empty, hold_seconds: 'ten', closes_at: 'incomplete' });
    expect(result).toEqual({
      errors: { hold_seconds: expect.any(String), closes_at: expect.any(String) },
    });
  });
});

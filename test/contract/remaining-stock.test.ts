// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type ContractService, useService } from '../support/contract-service.ts';

/** The remaining units of each coupon in `/metrics`. */
async function remainingIn({ client }: ContractService): Promise<Record<string, number>> {
  const { text } = await client.get('/metrics');
  const lines = text.matchAll(/^firstcome_coupon_remaining_units\{coupon="([^"]*)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, coupon = '', units]) => [coupon, Number(units)]));
}

describe('the remaining stock in the metrics', () => {
  const service = useService();

  it('is what the database holds, also in a service that has just started', async () => {
    const [sale, soldOut] = [
      await service.createCoupon({ amount: 3 }),
      await service.createCoupon({ amount: 1 }),
    ];
    for (const user of ['ada', 'ben']) await service.mustClaim(sale, { user });
    await service.mustClaim(soldOut);
    const expected = { [sale]: 1, [soldOut]: 0 };
    expect(await remainingIn(service)).toEqual(expected);
    await service.withAnother({}, async (other) => {
      expect(await remainingIn(other)).toEqual(expected);
    });
  });

  it('has paused and scheduled coupons, and no closed ones', async () => {
    const paused = await service.createCoupon();
    await service.client.patch(`/api/coupons/${paused}`, { paused: true });
    const scheduled = await service.createCoupon({ opens_at: '2100-01-01T00:00:00Z' });
    const closed = await service.createCoupon({ closes_at: '2001-01-01T00:00:00Z' });
    const remaining = await remainingIn(service);
    expect(remaining).toMatchObject({ [paused]: 10, [scheduled]: 10 });
    expect(remaining).not.toHaveProperty([closed]);
  });

  it('has the 20 newest coupons among the newest 200 only', async () => {
    const names: string[] = [];
    for (let count = 0; count < 25; count += 1) names.push(await service.createCoupon());
    expect(Object.keys(await remainingIn(service))).toEqual(names.slice(-20).reverse());
    await service.database.query(
      `insert into coupons (name, amount, remaining_amount, closes_at, ledger_seq,
         decided_at, created_at)
         select 'old ' || n, 1, 1, '2001-01-01', 1, now(), now() from generate_series(1, 195) n`,
    );
    expect(Object.keys(await remainingIn(service))).toEqual(names.slice(-5).reverse());
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../support/contract-problems.ts';
import { decidesAtOnce, pathOf, useService } from '../support/contract-service.ts';

type Rule = { name: string; result: string; rows?: number; examples?: object[] };

const ruleNames = readdirSync(
  new URL('../../src/adapters/postgres/consistency/', import.meta.url),
).map((file) => file.replace(/\.sql$/, ''));

describe('the check of a coupon', () => {
  const service = useService({ ...decidesAtOnce, STOCK_CHECK_INTERVAL_MS: '0' });
  const check = async (coupon: string, body?: unknown) => {
    const answer = await service.client.post(pathOf(coupon, 'check'), body);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as { rules: Rule[] } & Record<string, unknown>;
  };
  const brokenOf = ({ rules }: { rules: Rule[] }) =>
    rules.filter(({ result }) => result !== 'passed').map(({ name }) => name);

  /** A coupon with claims in every state. */
  const aSale = async () => {
    const coupon = await service.createCoupon({ amount: 5, hold_seconds: 600 });
    for (const user of ['ada', 'bob', 'cy', 'dot']) await service.mustClaim(coupon, { user });
    const change = (user: string, name: string) =>
      service.client.post(pathOf(coupon, 'claims', user, name), {});
    for (const user of ['ada', 'bob']) await change(user, 'confirm');
    await change('ada', 'redeem');
    await change('cy', 'release');
    await service.client.post(pathOf(coupon, 'stock'), { add: 3 });
    return coupon;
  };

  it('passes every rule for a coupon whose records agree, with or without a body', async () => {
    const coupon = await aSale();
    const result = await check(coupon);
    expect(result).toMatchObject({
      ...{ coupon_name: coupon, amount: 8, remaining_amount: 5, consistent: true },
    });
    expect(result.rules.map(({ name }) => name)).toEqual(ruleNames.sort());
    expect(brokenOf(result)).toEqual([]);
    expect(brokenOf(await check(coupon, {}))).toEqual([]);
  });

  it('names the rules that the records break, with the rows, and those of no other coupon', async () => {
    const [broken, whole] = [await aSale(), await aSale()];
    await service.database.query(
      `delete from claims where user_id = 'bob' and coupon_id = (select id from coupons where name = $1)`,
      [broken],
    );
    const result = await check(broken);
    expect(result.consistent).toBe(false);
    expect(brokenOf(result)).toContain('claims-match-stock');
    const rule = result.rules.find(({ name }) => name === 'claims-match-stock');
    expect(rule).toMatchObject({ rows: 1, examples: [{ name: broken, claims: 2 }] });
    expect(await check(whole)).toMatchObject({ consistent: true });
  });

  it('is refused for unknown coupons and unknown members', async () => {
    expectProblem(await service.client.post(pathOf('never', 'check'), {}), 'coupon_not_found');
    const coupon = await service.createCoupon();
    expectProblem(await service.client.post(pathOf(coupon, 'check'), { x: 1 }), 'invalid_request');
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

describe('GET /api/claims', () => {
  const service = useService();
  const get = (query: string) => service.client.get(`/api/claims?${query}`);

  /** The claims of each page, from the first to the last. */
  async function allPages(query: string) {
    const pages = [];
    for (let next: string | undefined = `/api/claims?${query}`; next; ) {
      const page = await service.client.get(next);
      expect(page.status, page.text).toBe(200);
      pages.push(page.json.claims);
      next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      expect(next !== undefined).toBe(page.json.next_cursor !== null);
    }
    return pages;
  }

  it('a user without a claim has an empty list', async () => {
    const answer = await get('user_id=no-claims');
    expect(answer.json).toEqual({ claims: [], next_cursor: null });
    expect(answer.headers).not.toHaveProperty('link');
    expectApiHeaders(answer);
  });

  it('pages of any size list every claim of the user once, in order of creation of the coupons', async () => {
    const user = 'Zoë & co/1';
    const coupons: string[] = [];
    for (let count = 0; count < 7; count += 1) coupons.push(await service.createCoupon());
    const claims: unknown[] = [];
    // Claimed in another order than the coupons were created in.
    for (const index of [4, 0, 2, 6]) {
      await service.mustClaim(String(coupons[index]), { user: 'another' });
      const { message: _, ...claim } = (await service.mustClaim(String(coupons[index]), { user }))
        .json;
      claims[index] = claim;
    }
    await service.client.patch(pathOf(String(coupons[2])), { archived: true });
    const expected = claims.filter((claim) => claim !== undefined);
    for (const limit of [1, 2, 3, 4, 5, 1000]) {
      const pages = await allPages(`limit=${limit}&user_id=${encodeURIComponent(user)}`);
      expect(pages.flat()).toEqual(expected);
      expect(pages).toHaveLength(Math.ceil(expected.length / limit));
    }
  });

  it('following pages that may be empty finds a claim behind many coupons', async () => {
    await service.database.query(
      `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       select 'many ' || n, 1, 1, 1, now(), now() from generate_series(1, 2500) n`,
    );
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'late' });
    const pages = await allPages('user_id=late');
    expect(pages.flat()).toMatchObject([{ coupon_name: coupon, user_id: 'late' }]);
    expect(pages).toHaveLength(3);
    expect(pages[0]).toEqual([]);
  });

  it.each([
    ['', 'user_id', 'is required'],
    ['user_id=', 'user_id', 'is required'],
    ['user_id=a&user_id=b', 'user_id', 'must not be repeated'],
    ['user_id=%00', 'user_id', 'must be a text of 1 to 255 characters'],
    ['user_id=a&limit=0', 'limit', 'must be a whole number from 1 to 1000'],
    ['user_id=a&cursor=x', 'cursor', 'must be the next_cursor of the page before'],
    ['user_id=a&cursor=1-', 'cursor', 'must be the next_cursor of the page before'],
    ['user_id=a&state=open', 'state', 'must be one of reserved, confirmed, redeemed, released'],
    ['user_id=a&next_cursor=1', 'next_cursor', 'is unknown; send it as `cursor`'],
    ['user_id=a&coupon_name=b', 'coupon_name', 'is an unknown query parameter'],
    ['user_id=a&userid=a', 'userid', 'is an unknown query parameter; did you mean `user_id`?'],
  ])('the claims of a user with ?%s are refused', async (query, field, message) => {
    const answer = await get(query);
    expectInvalid(answer, field);
    const found = answer.json.errors.find((error: { field: string }) => error.field === field);
    expect(found.message).toContain(message);
  });
});

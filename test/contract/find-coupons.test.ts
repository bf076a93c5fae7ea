// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeAll, describe, expect, it } from 'vitest';
import { expectInvalid } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

describe('GET /api/coupons with filters', () => {
  const service = useService();
  const future = '2999-01-01T00:00:00Z';

  /** The names on all pages, with pages of this size. */
  async function namesOf(query: string, limit: number): Promise<string[]> {
    const names: string[] = [];
    for (let next: string | undefined = `/api/coupons?limit=${limit}&${query}`; next; ) {
      const page = await service.client.get(next);
      expect(page.status, page.text).toBe(200);
      expect(page.json.coupons.length).toBeLessThanOrEqual(limit);
      names.push(...page.json.coupons.map(({ name }: { name: string }) => name));
      next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      expect(next !== undefined).toBe(page.json.next_cursor !== null);
    }
    return names;
  }

  beforeAll(async () => {
    for (const n of [1, 2, 3]) {
      await service.createCoupon({ name: `open ${n}` });
      await service.createCoupon({ name: `Later&=${n}`, opens_at: future });
      await service.createCoupon({ name: `paused_${n}` });
      await service.client.patch(pathOf(`paused_${n}`), { paused: true });
      await service.createCoupon({ name: `päst% ${n}`, closes_at: '2020-01-01T00:00:00Z' });
      await service.createCoupon({ name: `open old ${n}` });
      await service.client.patch(pathOf(`open old ${n}`), { archived: true });
    }
  });

  const every = [1, 2, 3].flatMap((n) => [`open ${n}`, `Later&=${n}`, `paused_${n}`, `päst% ${n}`]);
  const threeOf = (prefix: string) => [1, 2, 3].map((n) => `${prefix}${n}`);

  it.each<[string, string[]]>([
    ['', every],
    ['archived=false', every],
    ['archived=true', threeOf('open old ')],
    ['state=open', threeOf('open ')],
    ['state=scheduled', threeOf('Later&=')],
    ['state=paused', threeOf('paused_')],
    ['state=closed', threeOf('päst% ')],
    ['archived=true&state=closed', threeOf('open old ')],
    ['archived=true&state=open', []],
    ['order=newest', every.toReversed()],
    ['order=newest&archived=true', threeOf('open old ').toReversed()],
    ['order=newest&state=paused', threeOf('paused_').toReversed()],
    ['name_prefix=open', threeOf('open ')],
    ['name_prefix=open%20', threeOf('open ')],
    ['name_prefix=open+2', ['open 2']],
    ['name_prefix=Later%26%3D', threeOf('Later&=')],
    ['name_prefix=later', []],
    ['name_prefix=%25', []],
    ['name_prefix=p%C3%A4st%25', threeOf('päst% ')],
    ['name_prefix=p_st', []],
    ['name_prefix=open%20old&archived=true&order=newest', threeOf('open old ').toReversed()],
  ])(
    'the list with ?%s has exactly the matching coupons, on pages of any size',
    async (query, names) => {
      for (const limit of [1, 2, 1000]) expect(await namesOf(query, limit)).toEqual(names);
    },
  );

  it.each([
    ['state=gone', 'state', 'must be one of scheduled, open, paused, closed'],
    ['state=', 'state', 'must be one of scheduled, open, paused, closed'],
    ['state=open&state=paused', 'state', 'must not be repeated'],
    ['order=oldest', 'order', 'must be newest'],
    ['archived=yes', 'archived', 'must be true or false'],
    ['archived=', 'archived', 'must be true or false'],
    ['name_prefix=', 'name_prefix', 'must be a text of 1 to 255 characters'],
    ['name=open', 'name', 'is an unknown query parameter'],
    ['archive=true', 'archive', 'is an unknown query parameter; did you mean `archived`?'],
  ])('the list with ?%s is refused', async (query, field, message) => {
    const answer = await service.client.get(`/api/coupons?${query}`);
    expectInvalid(answer, field);
    expect(answer.json.errors[0].message).toContain(message);
  });
});

describe('GET /api/coupons with more coupons than a page looks at', () => {
  const service = useService();
  const many = 25_000;

  beforeAll(async () => {
    await service.createCoupon({ name: 'first' });
    await service.database.query(
      `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       select 'drill ' || n, 1, 1, 1, now(), now() from generate_series(1, ${many}) n`,
    );
    await service.createCoupon({ name: 'last' });
  });

  it.each(['first', 'last'])(
    'pages may be empty, and following them finds the coupon %s',
    async (name) => {
      for (const order of ['', '&order=newest']) {
        const path = `/api/coupons?limit=5&name_prefix=${name}${order}`;
        const found: string[] = [];
        let pages = 0;
        for (let next: string | null = ''; next !== null; pages += 1) {
          const page = await service.client.get(next === '' ? path : `${path}&cursor=${next}`);
          expect(page.status, page.text).toBe(200);
          found.push(...page.json.coupons.map((coupon: { name: string }) => coupon.name));
          next = page.json.next_cursor;
        }
        expect(found).toEqual([name]);
        expect(pages).toBe(3);
      }
    },
  );
});

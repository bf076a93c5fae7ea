// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/contract-client.ts';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

const csvHeader =
  'position,user_id,claim_id,claimed_at,coupon_name,state,expires_at,released_at,reason,saga_id,saga_state\r\n';

/** Follows `Link: rel=next` from `path` to the last page. */
async function allPages(client: Client, path: string): Promise<Answer[]> {
  const pages: Answer[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const page = await client.get(next);
    expect(page.status, page.text).toBe(200);
    pages.push(page);
    next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
    expect(next !== undefined).toBe(page.json.next_cursor !== null);
    expect(pages.length).toBeLessThan(100);
  }
  return pages;
}

/** Claims units with the database function of the service, without a request for each. */
async function claimMany({ database }: ContractService, coupon: string, count: number) {
  const [row] = await database.query<{ claimed: string }>(
    `select sum(claims) as claimed from claim_batch_2(
       gen_random_uuid(), $1, array(select 'user ' || n from generate_series(1, $2::int) n),
       array(select gen_random_uuid() from generate_series(1, $2::int)),
       array_fill(null::text, array[$2::int]), true)`,
    [coupon, count],
  );
  expect(Number(row?.claimed)).toBe(count);
}

describe('GET /api/coupons', () => {
  const service = useService();

  it('listing coupons answers an empty page while there are none', async () => {
    const answer = await service.client.get('/api/coupons');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ coupons: [], next_cursor: null });
    expect(answer.headers).not.toHaveProperty('link');
    expectApiHeaders(answer);
  });

  it('pages of any size list every coupon once, in order of creation', async () => {
    const names: string[] = [];
    for (let count = 0; count < 23; count += 1) names.push(await service.createCoupon());
    await service.mustClaim(String(names[0]));
    for (const limit of [1, 7, 22, 23, 24, 1000]) {
      const pages = await allPages(service.client, `/api/coupons?limit=${limit}`);
      expect(pages).toHaveLength(Math.ceil(names.length / limit));
      const listed = pages.flatMap((page) => page.json.coupons);
      expect(listed.map((coupon) => coupon.name)).toEqual(names);
      expect(listed[0]).toEqual({
        ...{ name: names[0], amount: 10, remaining_amount: 9, state: 'open', paused: false },
        ...{
          archived: false,
          opens_at: null,
          closes_at: null,
          ...membersLeftOut,
          claims_url: `/api/coupons/${names[0]}/claims`,
        },
      });
    }
  });

  it('the list of coupons does not show holders', async () => {
    const { text } = await service.client.get('/api/coupons');
    expect(text).not.toContain('claimed_by');
  });

  it('a page has 100 coupons unless limit says otherwise', async () => {
    for (let count = 0; count < 101; count += 1) await service.createCoupon();
    expect((await service.client.get('/api/coupons')).json.coupons).toHaveLength(100);
  });

  it.each(['0', '-1', '1001', '1.5', 'abc', '', 'null', '1&limit=2', '99999999999999999999'])(
    'the list of coupons refuses limit=%s',
    async (limit) => {
      expectInvalid(await service.client.get(`/api/coupons?limit=${limit}`), 'limit');
    },
  );

  it.each(['abc', '-1', '', '1.5', '0x10', '%00', "1'--", '9'.repeat(19), '1&cursor=2'])(
    'the list of coupons refuses cursor=%s',
    async (cursor) => {
      expectInvalid(await service.client.get(`/api/coupons?cursor=${cursor}`), 'cursor');
    },
  );

  it.each([
    ['limit=1&limit=2', 'limit', 'must not be repeated'],
    ['limit=1&limit=1', 'limit', 'must not be repeated'],
    ['limit=1&l%69mit=1', 'limit', 'must not be repeated'],
    ['cursor=1&limit=5&cursor=1', 'cursor', 'must not be repeated'],
    ['limit=', 'limit', 'must be a whole number from 1 to 1000'],
    ['limit', 'limit', 'must be a whole number from 1 to 1000'],
    ['limt=5', 'limt', 'is an unknown query parameter; did you mean `limit`?'],
    ['Limit=5', 'Limit', 'is an unknown query parameter; did you mean `limit`?'],
    ['limit=5&limits=5', 'limits', 'is an unknown query parameter; did you mean `limit`?'],
    ['next_cursor=5', 'next_cursor', 'is unknown; send it as `cursor`'],
    ['%6cim%69ts=5', 'limits', 'is an unknown query parameter; did you mean `limit`?'],
    [
      '%zz=5',
      '%zz',
      'is an unknown query parameter; this call takes limit, cursor, state, name_prefix, order, archived',
    ],
    [
      '__proto__=5',
      '__proto__',
      'is an unknown query parameter; this call takes limit, cursor, state, name_prefix, order, archived',
    ],
    ['=5', 'query', 'must not have a query parameter with an empty name'],
    ['=', 'query', 'must not have a query parameter with an empty name'],
  ])(
    'the list of coupons refuses ?%s and reports the wrong parameter',
    async (query, field, message) => {
      const answer = await service.client.get(`/api/coupons?${query}`);
      expectInvalid(answer, field);
      expect(answer.json.errors).toEqual([{ field, message }]);
    },
  );

  it.each(['', '&', '&&', 'l%69mit=1&', 'limit=1&&cursor=0'])(
    'the list of coupons accepts ?%s',
    async (query) => {
      expect((await service.client.get(`/api/coupons?${query}`)).status).toBe(200);
    },
  );

  it('the page after the last coupon is empty', async () => {
    const answer = await service.client.get(`/api/coupons?cursor=${'9'.repeat(18)}`);
    expect(answer.json).toEqual({ coupons: [], next_cursor: null });
  });
});

describe('GET /api/coupons/{name}/claims', () => {
  const service = useService();

  it('pages of any size list every claim once, in order of position', async () => {
    const coupon = await service.createCoupon({ name: 'a list/of claims', amount: 100 });
    await claimMany(service, coupon, 23);
    for (const limit of [1, 11, 23, 1000]) {
      const pages = await allPages(service.client, `${pathOf(coupon, 'claims')}?limit=${limit}`);
      expect(pages).toHaveLength(Math.ceil(23 / limit));
      const claims = pages.flatMap((page) => page.json.claims);
      expect(claims.map((claim) => claim.position)).toEqual(
        Array.from({ length: 23 }, (_, index) => index + 1),
      );
      expect(claims[22]).toMatchObject({ coupon_name: coupon, user_id: 'user 23' });
    }
  });

  it('the list shows claims as their responses did', async () => {
    const coupon = await service.createCoupon();
    const { message: _, ...claim } = (await service.mustClaim(coupon)).json;
    const answer = await service.client.get(pathOf(coupon, 'claims'));
    expect(answer.json).toEqual({ claims: [claim], next_cursor: null });
    expectApiHeaders(answer);
  });

  it('the page of claims is empty for a coupon without claims and after the last claim', async () => {
    const path = pathOf(await service.createCoupon(), 'claims');
    for (const query of ['', '?cursor=2147483647']) {
      const answer = await service.client.get(path + query);
      expect(answer.json).toEqual({ claims: [], next_cursor: null });
    }
  });

  it('the list and the exports of an unknown coupon are coupon_not_found', async () => {
    const path = pathOf(newName(), 'claims');
    for (const accept of ['application/json', 'text/csv', 'application/x-ndjson']) {
      expectProblem(await service.client.get(path, { Accept: accept }), 'coupon_not_found');
    }
  });

  it.each([
    ...['limit=0', 'limit=1001', 'limit=x', 'cursor=x', 'cursor=2147483648', 'cursor=-1'],
    ...['limits=5', 'state=open', 'state=', 'state=reserved&state=all', 'limit=1&limit=2'],
    ...['position=0', 'position=x', 'position=2147483648', 'position=1&position=2'],
    ...['claim_id=', 'claim_id=x', 'claim_id=urn:uuid:01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40'],
    ...['for=', 'for=excel', 'for=Spreadsheet', 'for=spreadsheet&for=spreadsheet'],
  ])('the list and the exports of claims refuse %s', async (query) => {
    const path = `${pathOf(await service.createCoupon(), 'claims')}?${query}`;
    for (const accept of ['application/json', 'text/csv', 'application/x-ndjson']) {
      const answer = await service.client.get(path, { Accept: accept });
      expectInvalid(answer, query.split('=')[0] ?? '');
    }
  });
});

describe('GET /api/coupons/{name}/claims as an export', () => {
  const service = useService();
  const exported = (coupon: string, accept: string) =>
    service.client.get(pathOf(coupon, 'claims'), { Accept: accept });

  it('the CSV export has a header and quotes as RFC 4180 requires', async () => {
    const coupon = await service.createCoupon();
    const users = ['plain', 'a,b', 'say "hi"', ' spaces ', '"', 'ünï 🎟', "it's; fine", '=1+1'];
    const claims = [];
    for (const user of users) claims.push((await service.mustClaim(coupon, { user })).json);
    const answer = await exported(coupon, 'text/csv');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    expectApiHeaders(answer);
    const fields = ['plain', '"a,b"', '"say ""hi"""', ' spaces ', '""""', ...users.slice(5)];
    const lines = claims.map(
      (claim, index) =>
        `${index + 1},${fields[index]},${claim.claim_id},${claim.claimed_at},${coupon},confirmed,,,,,\r\n`,
    );
    expect(answer.text).toBe(`${csvHeader}${lines.join('')}`);
  });

  it('the NDJSON export has one claim on each line', async () => {
    const coupon = await service.createCoupon();
    const claims = [];
    for (const user of ['a', 'b"\\', '\u2028']) {
      const { message: _, ...claim } = (await service.mustClaim(coupon, { user })).json;
      claims.push(claim);
    }
    const answer = await exported(coupon, 'application/x-ndjson');
    expect(answer.headers['content-type']).toMatch(/^application\/x-ndjson\b/);
    expectApiHeaders(answer);
    expect(answer.text.endsWith('\n')).toBe(true);
    expect(
      answer.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(claims);
  });

  it('the export of a coupon without claims is the CSV header only, or empty', async () => {
    const coupon = await service.createCoupon();
    expect((await exported(coupon, 'text/csv')).text).toBe(csvHeader);
    expect((await exported(coupon, 'application/x-ndjson')).text).toBe('');
  });

  it.each([
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['text/html, */*;q=0.8', 'application/json'],
    ['text/csv;q=0.1, application/json', 'application/json'],
    ['text/csv, application/json;q=0.5', 'text/csv'],
    ['application/json;q=0.2, application/x-ndjson;q=0.9, text/csv;q=0.8', 'application/x-ndjson'],
    ['text/*', 'text/csv'],
    ['TEXT/CSV', 'text/csv'],
    ['text/csv;q=0, */*', 'application/json'],
    ['image/png', 'application/json'],
    ['nonsense', 'application/json'],
    ['', 'application/json'],
  ])('the list of claims answers Accept "%s" with %s', async (accept, type) => {
    const answer = await exported(await service.createCoupon(), accept);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']?.split(';')[0]).toBe(type);
  });

  it('the list of claims answers a page without Accept', async () => {
    const answer = await service.client.get(pathOf(await service.createCoupon(), 'claims'));
    expect(answer.json).toHaveProperty('claims');
  });

  it('the exports return all of 25,000 claims, each once and in order', async () => {
    const coupon = await service.createCoupon({ amount: 25_000 });
    await claimMany(service, coupon, 25_000);
    const lines = (await exported(coupon, 'text/csv')).text.split('\r\n').slice(1, -1);
    expect(lines).toHaveLength(25_000);
    const wrong = lines.findIndex(
      (line, index) => !line.startsWith(`${index + 1},user ${index + 1},`),
    );
    expect(wrong).toBe(-1);
    const claims = (await exported(coupon, 'application/x-ndjson')).text.trim().split('\n');
    expect(claims).toHaveLength(25_000);
    expect(claims.every((line, index) => JSON.parse(line).position === index + 1)).toBe(true);
  });
});

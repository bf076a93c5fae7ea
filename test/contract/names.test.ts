// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

const awkward = [
  ...['a/b', '/', '//', 'a%b', '%', '%2F', '%252F', '%zz', 'a?b', '?', 'a#b', '#', '"', "'", '\\'],
  ...[' ', ' a', 'a ', 'a b', '+', 'a+b', '&', '=', ';', 'a;b', ':', ':name', '*', '@', ',', '|'],
  ...['...', '.a', '..a', 'a/..', '../..', 'claim', 'claims', 'stock', 'claim/stock', 'x/claims/y'],
  ...['null', 'undefined', 'true', '0', '-1', 'NaN', 'toString', 'hasOwnProperty', '{}', '[]'],
  ...['<script>alert(1)</script>', "'; drop table coupons; --", '$1', '$' + '{x}', '%s', '\u2028'],
  ...['\u00e9', 'e\u0301', '\u212b', '\u00c5', 'ﬁ', 'İ', 'ß', 'ẞ', '日本語', 'العربية', '\u200d'],
  ...['👩‍👩‍👧‍👦', '\u{10ffff}', '\ufeff', '\ufffd', '\uffff', '\u00a0', '\u202etxt', 'A', 'a'],
];

describe('a name', () => {
  const service = useService();

  /** Makes every call for a coupon of this name. */
  async function expectUsable(name: string, user: string): Promise<void> {
    const { client } = service;
    const created = await client.post('/api/coupons', { name, amount: 9 });
    expect(created.status, created.text).toBe(201);
    expect(created.json.name).toBe(name);
    expect(created.headers.location).toBe(pathOf(name));
    expect((await service.mustClaim(name, { user })).json).toMatchObject({
      ...{ coupon_name: name, user_id: user },
    });
    const read = await client.get(String(created.headers.location));
    expect(read.status, read.text).toBe(200);
    expect(read.json).toMatchObject({
      name,
      claimed_by: [user],
      claims_url: pathOf(name, 'claims'),
    });
    const listed = await client.get(read.json.claims_url);
    expect(listed.json.claims).toMatchObject([{ coupon_name: name, user_id: user }]);
    const claim = await client.get(pathOf(name, 'claims', user));
    expect(claim.json).toMatchObject({ coupon_name: name, user_id: user });
    expect((await client.post(pathOf(name, 'stock'), { add: 1 })).json).toMatchObject({
      ...{ name, amount: 10 },
    });
    expect((await client.patch(pathOf(name), { paused: true })).json).toMatchObject({
      ...{ name, paused: true },
    });
  }

  it.each(awkward)('every call accepts the name %j', async (name) => {
    await expectUsable(name, name);
  });

  it('names are stored without change: each of them is a coupon of its own', async () => {
    const { json } = await service.client.get('/api/coupons?limit=1000');
    const listed = json.coupons.map((coupon: { name: string }) => coupon.name);
    expect(listed).toEqual(expect.arrayContaining(awkward));
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('a name of 255 characters of four bytes can be created, claimed, read, listed and exported', async () => {
    const name = '🎟'.repeat(255);
    const user = '🦊'.repeat(255);
    await expectUsable(name, user);
    const listed = await service.client.get('/api/coupons?limit=1000');
    expect(listed.json.coupons.map((coupon: { name: string }) => coupon.name)).toContain(name);
    for (const accept of ['text/csv', 'application/x-ndjson']) {
      const exported = await service.client.get(pathOf(name, 'claims'), { Accept: accept });
      expect(exported.text).toContain(user);
    }
  });

  it('a name may have one character', async () => {
    await expectUsable('n', 'u');
  });

  it('a user id of . or .. is refused, since no client can send it in a path', async () => {
    const coupon = await service.createCoupon();
    for (const user of ['.', '..']) {
      expectInvalid(await service.client.claim(user, coupon), 'user_id');
    }
    expect((await service.mustClaim(coupon, { user: '...' })).json.position).toBe(1);
  });

  it('a coupon may be named claim', async () => {
    const { client } = service;
    expect((await client.get('/api/coupons/claim')).json.name).toBe('claim');
    expect((await client.patch('/api/coupons/claim', { paused: false })).json.name).toBe('claim');
    expect((await client.get('/api/coupons/claim/claims')).status).toBe(200);
    expect((await client.post('/api/coupons/claim/stock', { add: 1 })).json.name).toBe('claim');
    await service.mustClaim('claim', { user: 'another user' });
  });

  it('a name in a path that no coupon can have is just not found', async () => {
    for (const name of ['a\u0001b', 'x'.repeat(256), '\u0085']) {
      expectProblem(await service.client.get(pathOf(name)), 'coupon_not_found');
      expectProblem(await service.client.get(pathOf(name, 'claims')), 'coupon_not_found');
    }
    const coupon = await service.createCoupon();
    const path = pathOf(coupon, 'claims', 'x'.repeat(256));
    expectProblem(await service.client.get(path), 'claim_not_found');
  });

  it('a name with NUL is refused in every path', async () => {
    const { client } = service;
    const coupon = await service.createCoupon();
    expectInvalid(await client.get('/api/coupons/a%00b'), 'name');
    expectInvalid(await client.get('/api/coupons/a%00b/claims'), 'name');
    expectInvalid(await client.get(`/api/coupons/${coupon}/claims/%00`), 'user_id');
    expectInvalid(await client.patch('/api/coupons/%00', {}), 'name');
    expectInvalid(await client.post('/api/coupons/%00/stock', { add: 1 }), 'name');
  });

  it('every call accepts random Unicode names', async () => {
    const text = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((value) => !/[\p{Cc}\p{Cs}]/u.test(value) && !/^\.{1,2}$/.test(value));
    const taken = new Set(awkward);
    await fc.assert(
      fc.asyncProperty(text, text, async (name, user) => {
        // Other tests use names of one letter.
        fc.pre(!taken.has(name) && name.length > 1);
        taken.add(name);
        await expectUsable(name, user);
      }),
      { numRuns: 60 },
    );
  });
});

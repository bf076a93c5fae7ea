// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  expectApiHeaders,
  expectInvalid,
  expectProblem,
  retryAfterOf,
} from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const utcTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/;

describe('POST /api/coupons/claim', () => {
  const service = useService();

  it('a claim answers 200 with the claim, which is already stored', async () => {
    const coupon = await service.createCoupon({ amount: 2 });
    const answer = await service.client.claim('ada', coupon);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      message: 'coupon claimed',
      claim_id: expect.stringMatching(uuid),
      coupon_name: coupon,
      user_id: 'ada',
      position: 1,
      claimed_at: expect.stringMatching(utcTime),
      state: 'confirmed',
    });
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
    expectApiHeaders(answer);
    const stored = await service.database.query<{ claim_id: string }>(
      'select claim_id from claims join coupons on coupons.id = coupon_id where name = $1',
      [coupon],
    );
    expect(stored).toEqual([{ claim_id: answer.json.claim_id }]);
  });

  it('claims get positions from 1 in order, and times that never decrease', async () => {
    const coupon = await service.createCoupon();
    const answers = [];
    for (const user of ['a', 'b', 'c']) answers.push(await service.mustClaim(coupon, { user }));
    expect(answers.map((answer) => answer.json.position)).toEqual([1, 2, 3]);
    const times = answers.map((answer) => answer.json.claimed_at);
    expect([...times].sort()).toEqual(times);
    expect(new Set(answers.map((answer) => answer.json.claim_id)).size).toBe(3);
  });

  it('each claim takes one unit of stock', async () => {
    const coupon = await service.createCoupon({ amount: 5 });
    await service.mustClaim(coupon, { user: 'a' });
    await service.mustClaim(coupon, { user: 'b' });
    const { json } = await service.client.get(pathOf(coupon));
    expect(json).toMatchObject({ amount: 5, remaining_amount: 3, claimed_by: ['a', 'b'] });
  });

  it('one user may hold many coupons', async () => {
    const coupons = [await service.createCoupon(), await service.createCoupon()];
    for (const coupon of coupons) await service.mustClaim(coupon, { user: 'collector' });
  });

  it('a second claim of the same user is already_claimed and shows the held claim', async () => {
    const coupon = await service.createCoupon();
    const { message: _, ...claim } = (await service.mustClaim(coupon, { user: 'ada' })).json;
    const again = await service.client.claim('ada', coupon);
    expectProblem(again, 'already_claimed');
    expect(again.json.claim).toEqual(claim);
    expect((await service.client.get(pathOf(coupon))).json.remaining_amount).toBe(9);
  });

  it('a claim without stock left is sold_out, with the texts that clients compare with', async () => {
    const coupon = await service.createCoupon({ amount: 1 });
    await service.mustClaim(coupon, { user: 'first' });
    const late = await service.client.claim('second', coupon);
    expectProblem(late, 'sold_out');
    expect(late.json.detail).toContain('no stock available');
    expect(late.json.error).toBe('coupon out of stock');
  });

  it('a coupon is not found before its creation and accepts claims right after it', async () => {
    const coupon = newName();
    expectProblem(await service.client.claim('ada', coupon), 'coupon_not_found');
    await service.createCoupon({ name: coupon });
    await service.mustClaim(coupon, { user: 'ada' });
  });

  it('a claim before the opening is refused with the time and the seconds until it', async () => {
    const opensAt = new Date(Date.now() + 3_600_000).toISOString();
    const secondsLeft = () => (Date.parse(opensAt) - Date.now()) / 1000;
    const coupon = await service.createCoupon({ opens_at: opensAt });
    const before = secondsLeft();
    const answer = await service.client.claim('ada', coupon);
    const after = secondsLeft();
    expectProblem(answer, 'not_open');
    expect(Date.parse(answer.json.opens_at)).toBe(Date.parse(opensAt));
    expect(retryAfterOf(answer)).toBeGreaterThanOrEqual(Math.floor(after));
    expect(retryAfterOf(answer)).toBeLessThanOrEqual(Math.ceil(before));
  });

  it('a claim after the end of the sale is refused as closed', async () => {
    const coupon = await service.createCoupon({ closes_at: '2020-01-01T00:00:00Z' });
    expectProblem(await service.client.claim('ada', coupon), 'closed');
  });

  it('a claim of a paused coupon is refused, and accepted after the sale is resumed', async () => {
    const coupon = await service.createCoupon();
    await service.client.patch(pathOf(coupon), { paused: true });
    expectProblem(await service.client.claim('ada', coupon), 'paused');
    await service.client.patch(pathOf(coupon), { paused: false });
    await service.mustClaim(coupon, { user: 'ada' });
  });

  it('user ids that differ in case, spaces or Unicode form are different users', async () => {
    const coupon = await service.createCoupon();
    const users = ['ada', 'Ada', ' ada', 'ada ', '\u00e9', 'e\u0301', '1', '01'];
    for (const user of users) await service.mustClaim(coupon, { user });
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(users);
  });

  it('a claim ignores unknown members, also those that responses have', async () => {
    const coupon = await service.createCoupon();
    const answer = await service.client.post('/api/coupons/claim', {
      ...{ user_id: 'ada', coupon_name: coupon },
      ...{ position: 9, claim_id: 'mine', amount: 5, idempotency_key: 'k' },
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ position: 1, claim_id: expect.stringMatching(uuid) });
  });

  it('a claim ignores members with similar names, and query parameters', async () => {
    const coupon = await service.createCoupon();
    const answer = await service.client.post('/api/coupons/claim?utm_source=mail&user_id=eve&=', {
      ...{ user_id: 'ada', coupon_name: coupon, userid: 'eve', couponName: 'OTHER', '': 1 },
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ user_id: 'ada', coupon_name: coupon });
  });

  it.each([
    ['"user_id":"ada","user_id":"bob"', 'user_id'],
    ['"user_id":"ada","user_id":"ada"', 'user_id'],
    ['"user_id":"ada","us\\u0065r_id":"bob"', 'user_id'],
    ['"user_id":"ada","x":{"y":[{"z":1,"z":2}]}', 'z'],
    ['"user_id":"ada","x":{"__proto__":1},"x":1', 'x'],
  ])('a claim that repeats a member is refused: %s', async (members, field) => {
    const coupon = await service.createCoupon();
    const before = await service.storedCounts();
    const body = `{${members},"coupon_name":"${coupon}"}`;
    const answer = await service.client.post('/api/coupons/claim', body);
    expectInvalid(answer, field);
    expect(answer.json.errors[0].message).toBe('must not be repeated');
    expect(await service.storedCounts()).toEqual(before);
  });
});

describe('POST /api/coupons/claim with an invalid user or coupon', () => {
  const service = useService();
  const wrong = [
    ['null', 'null'],
    ['a number', '42'],
    ['true', 'true'],
    ['an array', '["a"]'],
    ['an object', '{}'],
    ['an empty text', '""'],
    ['256 characters', JSON.stringify('u'.repeat(256))],
    ['NUL', '"a\\u0000"'],
    ['a newline', '"a\\n"'],
    ['a lone high surrogate', '"\\ud83c"'],
    ['a lone low surrogate', '"\\udf9f"'],
  ] as const;

  it.each(wrong)(
    'a claim with %s as user_id is refused and stores nothing',
    async (_what, value) => {
      const coupon = await service.createCoupon();
      const before = await service.storedCounts();
      const body = `{"user_id":${value},"coupon_name":"${coupon}"}`;
      expectInvalid(await service.client.post('/api/coupons/claim', body), 'user_id');
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it.each(wrong)(
    'a claim with %s as coupon_name is refused and stores nothing',
    async (_what, value) => {
      const before = await service.storedCounts();
      const body = `{"user_id":"ada","coupon_name":${value}}`;
      expectInvalid(await service.client.post('/api/coupons/claim', body), 'coupon_name');
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('a missing member of a claim is reported as required, by its name', async () => {
    const { client } = service;
    const noUser = await client.post('/api/coupons/claim', { coupon_name: 'c' });
    expect(noUser.json.error).toBe('invalid request: user_id is required');
    const noCoupon = await client.post('/api/coupons/claim', { user_id: 'u' });
    expect(noCoupon.json.error).toBe('invalid request: coupon_name is required');
    expectInvalid(await client.post('/api/coupons/claim', {}), 'coupon_name', 'user_id');
  });

  it.each(['.', '..'])('a claim of the coupon name %s is coupon_not_found', async (name) => {
    expectProblem(await service.client.claim('ada', name), 'coupon_not_found');
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** Many claims in one call: the result of each, and what fails the call as a whole. */
import { describe, expect, it } from 'vitest';
import type { Answer } from '../support/contract-client.ts';
import { expectInvalid, expectProblem, problemTable } from '../support/contract-problems.ts';
import { newName, until, useService } from '../support/contract-service.ts';

type Entry = { coupon_name?: unknown; user_id?: unknown; idempotency_key?: unknown };

// biome-ignore lint/suspicious/noExplicitAny: results have every shape that answers to claims have.
type Result = any;

/** The results of a call, which must be answered as a whole. */
function resultsOf(answer: Answer): Result[] {
  expect(answer.status, answer.text).toBe(200);
  expect(Object.keys(answer.json)).toEqual(['results']);
  return answer.json.results;
}

describe('many claims in one call', () => {
  const service = useService();
  const send = (claims: unknown, headers = {}) =>
    service.client.post('/api/claims/batch', { claims }, headers);
  const results = async (claims: readonly (Entry | unknown)[]) => resultsOf(await send(claims));

  it('get their results in the order of the call, whatever they are', async () => {
    const [coupon, full, paused, later] = await Promise.all([
      service.createCoupon(),
      service.createCoupon({ amount: 1 }),
      service.createCoupon(),
      service.createCoupon({ opens_at: '2999-01-01T00:00:00Z' }),
    ]);
    await service.mustClaim(full);
    await service.client.patch(`/api/coupons/${paused}`, { paused: true });
    const held = await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    const claim = (coupon_name: string, user_id: string, idempotency_key?: string) => ({
      ...{ coupon_name, user_id, idempotency_key },
    });
    const found = await results([
      claim(full, 'bob'),
      claim(coupon, 'bob'),
      claim('no such coupon', 'bob'),
      claim(coupon, 'ada'),
      claim(coupon, 'ada', 'k'),
      claim(paused, 'bob'),
      claim(later, 'bob'),
      { user_id: 'bob' },
      claim(coupon, 'cyd'),
    ]);
    expect(found.map(({ status, code }) => [status, code])).toEqual([
      [400, 'sold_out'],
      [200, undefined],
      [404, 'coupon_not_found'],
      [409, 'already_claimed'],
      [200, undefined],
      [409, 'paused'],
      [409, 'not_open'],
      [400, 'invalid_request'],
      [200, undefined],
    ]);
    const { json: claimOfAda } = held;
    expect(found[3].claim.claim_id).toBe(claimOfAda.claim_id);
    expect(found[4]).toEqual({ status: 200, ...claimOfAda, replayed: true });
    expect(found[6]).toMatchObject({ opens_at: '2999-01-01T00:00:00Z' });
    expect(found[6].retry_after).toBeGreaterThan(0);
    expect([found[1].position, found[8].position]).toEqual([2, 3]);
  });

  it.each([
    ['no list', {}, ['claims']],
    ['null', { claims: null }, ['claims']],
    ['an empty list', { claims: [] }, ['claims']],
    ['an object', { claims: { 0: {} } }, ['claims']],
    ['over 1,000', { claims: Array(1_001).fill({}) }, ['claims']],
    ['a list alone', [{}], ['body']],
  ])('are refused as a whole with %s', async (_, body, fields) => {
    expectInvalid(await service.client.post('/api/claims/batch', body), ...fields);
  });

  it('are refused as a whole with the header Idempotency-Key', async () => {
    const claims = [{ coupon_name: await service.createCoupon(), user_id: 'ada' }];
    expectInvalid(await send(claims, { 'Idempotency-Key': 'k' }), 'Idempotency-Key');
  });

  it('are refused as a whole beyond 1 MiB, and not before', async () => {
    const coupon_name = await service.createCoupon();
    const claim = (length: number) => [{ coupon_name, user_id: 'ada', note: 'x'.repeat(length) }];
    expect((await results(claim(1024 * 1024 - 200)))[0].status).toBe(200);
    const answer = await send(claim(1024 * 1024));
    expectProblem(answer, 'body_too_large');
    expect(answer.json.detail).toBe('the body is larger than 1024 KiB');
  });

  it('fail alone, with the texts of the single call', async () => {
    const coupon_name = await service.createCoupon();
    const bad: Entry[] = [
      {},
      { coupon_name },
      { coupon_name, user_id: 17 },
      { coupon_name, user_id: null },
      { coupon_name, user_id: '' },
      { coupon_name, user_id: 'x'.repeat(256) },
      { coupon_name, user_id: 'a\0b' },
      { coupon_name, user_id: '\ud800' },
      { coupon_name, user_id: '..' },
      { coupon_name: [], user_id: {} },
    ];
    const notObjects = [null, 5, 'text', [coupon_name], true];
    const found = await results([...bad, ...notObjects, { coupon_name, user_id: newName('user') }]);
    expect(found.pop().status).toBe(200);
    for (const [index, entry] of [...bad, ...notObjects].entries()) {
      const single = await service.client.post('/api/coupons/claim', JSON.stringify(entry));
      expect(found[index]).toEqual({ ...single.json, instance: found[index].instance });
    }
  });

  it.each([5, null, '', 'ä', 'x'.repeat(256), 'a\nb'])(
    'fail alone with the idempotency key %j',
    async (idempotency_key) => {
      const coupon_name = await service.createCoupon();
      const [bad, good] = await results([
        { coupon_name, user_id: 'ada', idempotency_key },
        { coupon_name, user_id: 'bob', idempotency_key: ' ' },
      ]);
      const message = 'must be a text of 1 to 255 visible ASCII characters or spaces';
      expect(bad.errors).toEqual([{ field: 'idempotency_key', message }]);
      expect(bad).toMatchObject({ status: 400, error: `invalid request: ${bad.detail}` });
      expect(good.status).toBe(200);
    },
  );

  it('may hold what a single call may hold, and is refused as a whole where that is nested deeper', async () => {
    const coupon_name = await service.createCoupon();
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const entry = (depth: number) => ({ coupon_name, user_id: newName('user'), x: nested(depth) });
    const single = await service.client.post('/api/coupons/claim', entry(7));
    expect(single.status).toBe(200);
    expect((await results([entry(7), {}])).map(({ status }) => status)).toEqual([200, 400]);
    expectInvalid(await service.client.post('/api/coupons/claim', entry(8)), 'body');
    expectInvalid(await send([entry(1), entry(8)]), 'body');
  });

  it.each([
    '{"claims":[{"user_id":"a","user_id":"b","coupon_name":"c"}]}',
    '{"claims":[{"user_id":"a","coupon_name":"c","__proto__":{}}]}',
    '{"claims":[{"user_id":"a","coupon_name":"c"},]}',
  ])('are refused as a whole with the body %s', async (body) => {
    const answer = await service.client.post('/api/claims/batch', body);
    expectProblem(answer, 'invalid_request');
  });

  it('have the members of a problem, and the id of the call as instance', async () => {
    const answer = await send([{}, { coupon_name: 'no such coupon', user_id: 'ada' }]);
    for (const result of resultsOf(answer)) {
      const { status, error, effect } = problemTable[result.code as keyof typeof problemTable];
      expect(result).toMatchObject({ status, effect, error: expect.stringContaining(error) });
      expect(result.instance).toMatch(/^urn:request:[\w-]+$/);
    }
  });

  it('of one user arrive in their order', async () => {
    const coupon_name = await service.createCoupon({ amount: 2 });
    const claim = (user_id: string, idempotency_key?: string) => ({
      ...{ coupon_name, user_id, idempotency_key },
    });
    const found = await results([
      claim('ada', 'a'),
      claim('ada', 'b'),
      claim('ada', 'a'),
      claim('bob'),
      claim('cyd'),
    ]);
    expect(found.map(({ status, code, replayed }) => [status, code ?? replayed])).toEqual([
      [200, undefined],
      [409, 'already_claimed'],
      [200, true],
      [200, undefined],
      [400, 'sold_out'],
    ]);
    expect(found[2].claim_id).toBe(found[0].claim_id);
  });

  it('can be 1,000 of many coupons', async () => {
    const coupons = await Promise.all(
      Array.from({ length: 10 }, () => service.createCoupon({ amount: 60 })),
    );
    const claims = Array.from({ length: 1_000 }, (_, index) => ({
      ...{ coupon_name: coupons[index % 10], user_id: `user-${index}` },
    }));
    const found = await results(claims);
    expect(found.length).toBe(1_000);
    for (const [index, result] of found.entries()) {
      const isWon = index < 600;
      expect(result.status).toBe(isWon ? 200 : 400);
      if (isWon)
        expect(result).toMatchObject({ ...claims[index], position: 1 + Math.floor(index / 10) });
    }
  });

  it('are counted by outcome, and their call by its operation and size', async () => {
    const coupon_name = await service.createCoupon({ amount: 2 });
    const names = {
      claimed: 'firstcome_claims_total{outcome="claimed"}',
      refused: 'firstcome_claims_total{outcome="invalid_request"}',
      calls: 'firstcome_http_request_seconds_count{operation="claimBatch",status="200"}',
      claims: 'firstcome_claims_per_call_sum',
    };
    const counts = async () => {
      const lines = (await service.client.get('/metrics')).text.split('\n');
      const read = (name: string) =>
        Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1] ?? 0);
      return Object.values(names).map(read);
    };
    const before = await counts();
    await results([{ coupon_name, user_id: 'ada' }, {}, { coupon_name, user_id: 'bob' }]);
    const grown = await until(counts, ([, , calls]) => calls !== before[2]);
    expect(grown.map((count, index) => count - (before[index] ?? 0))).toEqual([2, 1, 1, 3]);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

describe('POST /api/coupons/{name}/stock', () => {
  const service = useService();
  const add = (name: string, units: unknown, key?: string) =>
    service.client.post(
      pathOf(name, 'stock'),
      { add: units },
      key === undefined ? {} : { 'Idempotency-Key': key },
    );
  const amountOf = async (name: string) => (await service.client.get(pathOf(name))).json.amount;

  it('adding stock answers 200 with the coupon and its new amount', async () => {
    const name = await service.createCoupon({ amount: 2 });
    await service.mustClaim(name, { user: 'ada' });
    const answer = await add(name, 5);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual((await service.client.get(pathOf(name))).json);
    expect(answer.json).toMatchObject({ amount: 7, remaining_amount: 6, claimed_by: ['ada'] });
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    expectApiHeaders(answer);
  });

  it('each addition without a key adds its units', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await add(name, 1);
    await add(name, 1);
    expect(await amountOf(name)).toBe(3);
  });

  it('an addition puts a sold out coupon on sale again', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name, { user: 'first' });
    expectProblem(await service.client.claim('second', name), 'sold_out');
    await add(name, 1);
    expect((await service.mustClaim(name, { user: 'second' })).json.position).toBe(2);
  });

  it('a repeated addition with the same key adds nothing and is marked as a replay', async () => {
    const name = await service.createCoupon({ amount: 1 });
    expect((await add(name, 5, 'k')).headers).not.toHaveProperty('idempotency-replayed');
    const again = await add(name, 5, 'k');
    expect(again.status).toBe(200);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json).toMatchObject({ amount: 6, remaining_amount: 6 });
    expect(await amountOf(name)).toBe(6);
  });

  it('ten simultaneous additions with the same key add their units once', async () => {
    const name = await service.createCoupon({ amount: 1 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => add(name, 5, 'k')));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    expect(answers.filter((answer) => answer.headers['idempotency-replayed'])).toHaveLength(9);
    expect(answers.every((answer) => answer.json.amount === 6)).toBe(true);
    expect(await amountOf(name)).toBe(6);
  });

  it('the same key with another number of units is refused and adds nothing', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await add(name, 5, 'k');
    const before = await service.storedCounts();
    for (const units of [4, 6, 2_147_483_647]) {
      const answer = await add(name, units, 'k');
      expectProblem(answer, 'idempotency_key_reused');
      expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    }
    expect(await service.storedCounts()).toEqual(before);
    expect((await add(name, 5, 'k')).headers['idempotency-replayed']).toBe('true');
  });

  it('of simultaneous additions with the same key and different units, exactly one is accepted', async () => {
    const name = await service.createCoupon({ amount: 1 });
    const units = [1, 2, 3];
    // The lock lets all of them begin before the first is decided.
    const held = await holdCoupon(service.database, name);
    const adding = Promise.all(units.map((one) => add(name, one, 'k')));
    try {
      await held.untilWaiting(units.length);
    } finally {
      await held.release();
    }
    const answers = await adding;
    const taken = units.filter((_, index) => answers[index]?.status === 200);
    expect(taken).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectProblem(answer, 'idempotency_key_reused');
    }
    expect(await amountOf(name)).toBe(1 + (taken[0] ?? 0));
  });

  it('of simultaneous additions to a sold out coupon with the same key, one number of units is accepted', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name);
    const units = [3, 4, 3, 4];
    const answers = await Promise.all(units.map((one) => add(name, one, 'k')));
    const taken = units.filter((_, index) => answers[index]?.status === 200);
    expect(new Set(taken).size).toBe(1);
    expect(taken).toHaveLength(2);
    const replays = answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true');
    expect(replays).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectProblem(answer, 'idempotency_key_reused');
    }
    expect(await amountOf(name)).toBe(1 + (taken[0] ?? 0));
  });

  it('the same key on two coupons, and different keys on one, are separate additions', async () => {
    const [one, two] = [await service.createCoupon(), await service.createCoupon()];
    for (const [name, key] of [
      [one, 'k'],
      [two, 'k'],
      [one, 'K'],
      [one, 'k k'],
    ] as const) {
      expect((await add(name, 1, key)).headers).not.toHaveProperty('idempotency-replayed');
    }
    expect(await amountOf(one)).toBe(13);
    expect(await amountOf(two)).toBe(11);
  });

  it('an addition and a claim with the same key are independent', async () => {
    const name = await service.createCoupon();
    await service.mustClaim(name, { user: 'ada', key: 'k' });
    expect((await add(name, 1, 'k')).json.amount).toBe(11);
    expect((await service.client.claim('bob', name, 'k')).headers).not.toHaveProperty(
      'idempotency-replayed',
    );
  });

  it('a key whose first attempt was refused can be used again', async () => {
    const name = newName();
    expectProblem(await add(name, 2, 'k'), 'coupon_not_found');
    await service.createCoupon({ name, amount: 1 });
    expectInvalid(await add(name, 2_147_483_647, 'k'), 'add');
    const answer = await add(name, 2, 'k');
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    expect(answer.json.amount).toBe(3);
  });

  it.each([0, -1, 1.5, '5', null, true, [], {}, 2_147_483_648])(
    'an addition of %j units is refused and changes nothing',
    async (units) => {
      const name = await service.createCoupon();
      const before = await service.storedCounts();
      expectInvalid(await add(name, units), 'add');
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it.each([
    ['adds', 'is unknown; did you mean `add`?'],
    ['units', 'is unknown; give the units to add as `add`'],
    ['amount', 'is unknown; give the units to add as `add`'],
    ['idempotency_key', 'is unknown; send it as the header Idempotency-Key'],
    ['dry_run', 'is unknown; this call takes add'],
  ])(
    'an addition with the unknown member %s is refused and adds nothing',
    async (member, message) => {
      const name = await service.createCoupon();
      const before = await service.storedCounts();
      const answer = await service.client.post(pathOf(name, 'stock'), { [member]: 5 });
      expectInvalid(answer, member, 'add');
      expect(answer.json.errors).toContainEqual({ field: member, message });
      if (member !== 'adds') {
        const beside = await service.client.post(pathOf(name, 'stock'), { add: 5, [member]: 5 });
        expect(beside.json.errors).toEqual([{ field: member, message }]);
      }
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('an addition with a query parameter is refused and adds nothing', async () => {
    const path = pathOf(await service.createCoupon(), 'stock');
    const before = await service.storedCounts();
    for (const query of ['dry_run=true', 'add=5', 'dry_run', '=', '=1', '%zz=1']) {
      expectProblem(await service.client.post(`${path}?${query}`, { add: 5 }), 'invalid_request');
    }
    expect(await service.storedCounts()).toEqual(before);
    expect((await service.client.post(`${path}?`, { add: 5 })).status).toBe(200);
  });

  it('an addition without units is refused because add is required', async () => {
    const answer = await service.client.post(pathOf(await service.createCoupon(), 'stock'), {});
    expect(answer.json.error).toBe('invalid request: add is required');
  });

  it('additions raise the amount up to 2,147,483,647 and no further', async () => {
    const name = await service.createCoupon({ amount: 2_147_483_640 });
    await service.mustClaim(name);
    const before = await service.storedCounts();
    expectInvalid(await add(name, 8), 'add');
    expectInvalid(await add(name, 2_147_483_647, 'k'), 'add');
    expect(await service.storedCounts()).toEqual(before);
    expect((await add(name, 7)).json).toMatchObject({
      amount: 2_147_483_647,
      remaining_amount: 2_147_483_646,
    });
    expectInvalid(await add(name, 1), 'add');
  });

  it('an addition to an unknown coupon answers 404 and stores nothing', async () => {
    const before = await service.storedCounts();
    expectProblem(await add(newName(), 1, 'k'), 'coupon_not_found');
    expect(await service.storedCounts()).toEqual(before);
  });
});

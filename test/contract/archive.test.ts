// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const window = { opens_at: '2998-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z' };

describe('PATCH /api/coupons/{name} with archived', () => {
  const service = useService();
  const change = (name: string, body: unknown) => service.client.patch(pathOf(name), body);
  const read = async (name: string) => (await service.client.get(pathOf(name))).json;

  it.each([
    ['open', {}],
    ['scheduled', window],
    ['paused', { closes_at: window.closes_at }],
    ['closed', { closes_at: '2020-01-01T00:00:00Z' }],
  ])(
    'an archived coupon is closed and shows its window and pause: %s before',
    async (state, fields) => {
      const name = await service.createCoupon(fields);
      if (state === 'paused') await change(name, { paused: true });
      const before = await read(name);
      expect(before).toMatchObject({ state, archived: false });
      const archived = await change(name, { archived: true });
      expect(archived.status).toBe(200);
      expect(archived.json).toEqual({ ...before, state: 'closed', archived: true });
      expect(await read(name)).toEqual(archived.json);
      const restored = await change(name, { archived: false });
      expect(restored.json).toEqual(before);
      expect(await read(name)).toEqual(before);
    },
  );

  it('an archived coupon refuses new claims as closed and keeps what was claimed', async () => {
    const name = await service.createCoupon();
    const { claim_id } = (await service.mustClaim(name, { user: 'ada', key: 'once' })).json;
    await change(name, { archived: true });
    expectProblem(await service.client.claim('eve', name), 'closed');
    expectProblem(await service.client.claim('ada', name), 'already_claimed');
    const again = await service.client.claim('ada', name, 'once');
    expect(again.status).toBe(200);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json).toMatchObject({ claim_id });
    expect(await read(name)).toMatchObject({ claimed_by: ['ada'], remaining_amount: 9 });
    expect((await service.client.get(pathOf(name, 'claims'))).json.claims).toHaveLength(1);
  });

  it('a coupon that is no longer archived takes claims again', async () => {
    const name = await service.createCoupon();
    await change(name, { archived: true });
    await change(name, { archived: false });
    await service.mustClaim(name, { user: 'eve' });
  });

  it('a sold out coupon answers closed once it is archived', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name);
    expectProblem(await service.client.claim('eve', name), 'sold_out');
    await change(name, { archived: true });
    expectProblem(await service.client.claim('eve', name), 'closed');
  });

  it('a change of the window or the pause of an archived coupon does not open it and counts afterwards', async () => {
    const name = await service.createCoupon();
    await change(name, { archived: true });
    for (const body of [window, { paused: true }, { paused: false }, { opens_at: null }]) {
      const answer = await change(name, body);
      expect(answer.json).toMatchObject({ ...body, state: 'closed', archived: true });
      expectProblem(await service.client.claim('eve', name), 'closed');
    }
    await change(name, { paused: true });
    expect((await change(name, { archived: false })).json).toMatchObject({
      ...{ opens_at: null, closes_at: window.closes_at, paused: true, state: 'paused' },
    });
  });

  it('a window of an archived coupon that would end before it begins is refused', async () => {
    const name = await service.createCoupon(window);
    const archived = (await change(name, { archived: true })).json;
    expectInvalid(await change(name, { closes_at: '2030-01-01T00:00:00Z' }), 'closes_at');
    const both = { archived: false, closes_at: '2030-01-01T00:00:00Z' };
    expectInvalid(await change(name, both), 'closes_at');
    expect(await read(name)).toEqual(archived);
  });

  it('one change can archive a coupon and set its window and pause', async () => {
    const name = await service.createCoupon();
    const fields = { ...window, paused: true };
    expect((await change(name, { ...fields, archived: true })).json).toMatchObject({
      ...fields,
      ...{ state: 'closed', archived: true },
    });
    expect((await change(name, { paused: false, archived: false })).json).toMatchObject({
      ...{ ...window, paused: false, state: 'scheduled', archived: false },
    });
  });

  it('archiving twice is the same as once', async () => {
    const name = await service.createCoupon(window);
    const first = await change(name, { archived: true });
    expect((await change(name, { archived: true })).json).toEqual(first.json);
    expect((await change(name, { archived: false })).json).toMatchObject(window);
  });

  it('stock can be added to an archived coupon, also where it is sold out', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name);
    await change(name, { archived: true });
    const answer = await service.client.post(pathOf(name, 'stock'), { add: 2 });
    expect(answer.json).toMatchObject({
      ...{ amount: 3, remaining_amount: 2, state: 'closed', archived: true },
      ...{ opens_at: null, closes_at: null },
    });
    expectProblem(await service.client.claim('eve', name), 'closed');
  });

  it.each([null, 'true', 1, ''])('archived: %j is refused and changes nothing', async (value) => {
    const name = await service.createCoupon();
    const before = await read(name);
    const answer = await change(name, { archived: value });
    expectInvalid(answer, 'archived');
    expect(answer.json.errors[0].message).toBe('must be true or false');
    expect(await read(name)).toEqual(before);
  });

  it('archived is refused at the creation of a coupon', async () => {
    const body = { name: newName(), amount: 1, archived: true };
    expectInvalid(await service.client.post('/api/coupons', body), 'archived');
  });

  it('the name of an archived coupon stays taken', async () => {
    const name = await service.createCoupon();
    await change(name, { archived: true });
    const again = await service.client.post('/api/coupons', { name, amount: 1 });
    expectProblem(again, 'coupon_exists');
  });
});

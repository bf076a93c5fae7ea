// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

describe('PATCH /api/coupons/{name}', () => {
  const service = useService();
  const change = (name: string, body: unknown) => service.client.patch(pathOf(name), body);
  const read = async (name: string) => (await service.client.get(pathOf(name))).json;

  it('a change answers 200 with the changed coupon', async () => {
    const name = await service.createCoupon();
    await service.mustClaim(name, { user: 'ada' });
    const answer = await change(name, {
      opens_at: '2020-01-01T00:00:00Z',
      closes_at: '2999-01-01T00:00:00Z',
      paused: true,
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      ...{ name, amount: 10, remaining_amount: 9, claimed_by: ['ada'], state: 'paused' },
      ...{ opens_at: '2020-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z', paused: true },
      archived: false,
      ...membersLeftOut,
      claims_url: `/api/coupons/${name}/claims`,
    });
    expect(await read(name)).toEqual(answer.json);
    expectApiHeaders(answer);
  });

  it('a change keeps the members that it leaves out', async () => {
    const name = await service.createCoupon({
      opens_at: '2020-01-01T00:00:00Z',
      closes_at: '2999-01-01T00:00:00Z',
    });
    await change(name, { paused: true });
    const before = await read(name);
    const answer = await change(name, { paused: true });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual(before);
  });

  it('an empty change is refused with the members that can be changed', async () => {
    const name = await service.createCoupon();
    const before = await read(name);
    const answer = await change(name, {});
    expectInvalid(answer, 'body');
    expect(answer.json.errors[0].message).toBe(
      'must change at least one of opens_at, closes_at, paused, archived, title, description, pause_reason',
    );
    const absent = [undefined, ''].map((body) =>
      service.client.call({ method: 'PATCH', path: pathOf(name), body }),
    );
    for (const one of await Promise.all(absent)) {
      expect(one.json.errors).toEqual(answer.json.errors);
    }
    expect(await read(name)).toEqual(before);
  });

  it.each([
    ['pause', 'is unknown; did you mean `paused`?'],
    ['is_paused', 'is unknown; did you mean `paused`?'],
    ['Paused', 'is unknown; did you mean `paused`?'],
    ['open_at', 'is unknown; did you mean `opens_at`?'],
    ['opensAt', 'is unknown; did you mean `opens_at`?'],
    ['close_at', 'is unknown; did you mean `closes_at`?'],
    ['name', 'cannot be changed'],
    ['amount', 'cannot be changed here; add units with POST /api/coupons/{name}/stock'],
    ['add', 'is unknown here; add units with POST /api/coupons/{name}/stock'],
    ['remaining_amount', 'cannot be changed; add units with POST /api/coupons/{name}/stock'],
  ])(
    'a change of %s is refused, alone or beside another change, and changes nothing',
    async (member, message) => {
      const name = await service.createCoupon();
      const before = await read(name);
      for (const others of [{}, { closes_at: '2999-01-01T00:00:00Z' }]) {
        const answer = await change(name, { ...others, [member]: true });
        expectInvalid(answer, member);
        expect(answer.json.errors[0].message).toBe(message);
      }
      expect(await read(name)).toEqual(before);
    },
  );

  it('a change with a query parameter is refused', async () => {
    const name = await service.createCoupon();
    const before = await read(name);
    const answer = await service.client.patch(`${pathOf(name)}?paused=true`, { closes_at: null });
    expectInvalid(answer, 'paused');
    expect(await read(name)).toEqual(before);
  });

  it.each([
    [{ paused: null }, 'paused', 'must be true or false'],
    [{ paused: '' }, 'paused', 'must be true or false'],
    [
      { opens_at: '' },
      'opens_at',
      'must be a time as in RFC 3339, such as 2030-01-31T18:00:00Z, or null',
    ],
  ])('a wrong optional member is not reported as required: %j', async (body, field, message) => {
    const answer = await change(await service.createCoupon(), body);
    expect(answer.json.errors).toEqual([{ field, message }]);
  });

  it('null removes one limit of the sale window and keeps the other', async () => {
    const window = { opens_at: '2998-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z' };
    const name = await service.createCoupon(window);
    expect((await change(name, { opens_at: null })).json).toMatchObject({
      ...{ opens_at: null, closes_at: window.closes_at, state: 'open' },
    });
    expect((await change(name, { closes_at: null })).json).toMatchObject({
      ...{ opens_at: null, closes_at: null },
    });
  });

  it('a change after which the sale window would end before it begins is refused', async () => {
    const name = await service.createCoupon({
      opens_at: '2030-06-01T00:00:00Z',
      closes_at: '2030-07-01T00:00:00Z',
    });
    const before = await read(name);
    for (const body of [
      { closes_at: '2030-05-01T00:00:00Z' },
      { closes_at: '2030-06-01T00:00:00Z' },
      { closes_at: '2030-06-01T02:00:00+02:00', paused: true },
      { opens_at: '2030-08-01T00:00:00Z' },
      { opens_at: '2031-01-02T00:00:00Z', closes_at: '2031-01-01T00:00:00Z' },
    ]) {
      expectInvalid(await change(name, body), 'closes_at');
      expect(await read(name)).toEqual(before);
    }
  });

  it.each([
    ['paused', null],
    ['paused', 'true'],
    ['paused', 1],
    ['opens_at', 0],
    ['opens_at', ''],
    ['opens_at', 'tomorrow'],
    ['closes_at', true],
    ['closes_at', ['2030-01-01T00:00:00Z']],
  ])('a change of %s to %j is refused and changes nothing', async (field, value) => {
    const name = await service.createCoupon();
    const before = await read(name);
    expectInvalid(await change(name, { [field]: value }), field);
    expect(await read(name)).toEqual(before);
  });

  it('a change of an unknown coupon answers 404 and creates none', async () => {
    const before = await service.storedCounts();
    expectProblem(await change(newName(), { paused: true }), 'coupon_not_found');
    expect(await service.storedCounts()).toEqual(before);
  });
});

describe('POST /api/coupons with a sale window', () => {
  const service = useService();
  const create = (fields: object) =>
    service.client.post('/api/coupons', { name: newName(), amount: 1, ...fields });

  it.each([
    ['2030-01-31T18:00:00Z', '2030-01-31T18:00:00Z'],
    ['2030-01-31t18:00:00z', '2030-01-31T18:00:00Z'],
    ['2030-01-31 18:00:00Z', '2030-01-31T18:00:00Z'],
    ['2030-01-31T18:00:00.25Z', '2030-01-31T18:00:00.25Z'],
    ['2030-01-31T18:00:00.123456789Z', '2030-01-31T18:00:00.123Z'],
    ['2030-01-31T18:00:00+05:30', '2030-01-31T12:30:00Z'],
    ['2030-01-31T18:00:00-00:00', '2030-01-31T18:00:00Z'],
    ['2030-12-31T23:59:59-14:00', '2031-01-01T13:59:59Z'],
    ['2032-02-29T00:00:00Z', '2032-02-29T00:00:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('a coupon can be created with the time %s', async (given, shown) => {
    const answer = await create({ opens_at: given });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json.opens_at).toBe(shown);
  });

  it.each([
    ...['2030-01-31', '18:00:00Z', '2030-01-31T18:00:00', '2030-01-31T18:00Z', '20300131T180000Z'],
    ...['2030-02-30T00:00:00Z', '2031-02-29T00:00:00Z', '2030-13-01T00:00:00Z'],
    ...['2030-00-01T00:00:00Z', '2030-01-00T00:00:00Z', '2030-01-31T24:00:00Z'],
    ...['2030-01-31T18:60:00Z', '2030-01-31T18:00:61Z', '2030-12-31T23:59:60Z'],
    ...['2030-01-31T18:00:00+24:00', '2030-01-31T18:00:00+0530', '2030-01-31T18:00:00+05'],
    ...['2030-01-31T18:00:00.Z', '2030-01-31T18:00:00,5Z', '2030-01-31\t18:00:00Z'],
    ...['2030-01-31\u00a018:00:00Z', '2030-01-31\n18:00:00Z', ' 2030-01-31T18:00:00Z'],
    ...['2030-01-31T18:00:00Z ', '2030-01-31T18:00:00Zjunk', '2030-01-31T18:00:00UTC'],
    ...['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '9999-12-31T23:59:59-01:00'],
    ...['+012030-01-31T18:00:00Z', '12030-01-31T18:00:00Z', '-2030-01-31T18:00:00Z'],
    ...['now', 'infinity', 'epoch', '', 'null', 0, 1_893_456_000, true, {}, []],
  ])('a coupon with the time %j is refused and nothing is stored', async (time) => {
    const before = await service.storedCounts();
    expectInvalid(await create({ opens_at: time }), 'opens_at');
    expectInvalid(await create({ closes_at: time }), 'closes_at');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('null creates a coupon without a limit of its sale window', async () => {
    const answer = await create({ opens_at: null, closes_at: null });
    expect(answer.json).toMatchObject({ opens_at: null, closes_at: null, state: 'open' });
  });

  it.each([
    ['2030-01-02T00:00:00Z', '2030-01-01T00:00:00Z'],
    ['2030-01-01T00:00:00Z', '2030-01-01T00:00:00Z'],
    ['2030-01-01T01:00:00Z', '2030-01-01T02:00:00+02:00'],
  ])(
    'a sale window from %s to %s is refused and nothing is stored',
    async (opens_at, closes_at) => {
      const before = await service.storedCounts();
      expectInvalid(await create({ opens_at, closes_at }), 'closes_at');
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('the offsets of times count in the order of a sale window', async () => {
    const window = { opens_at: '2030-01-01T02:00:00+02:00', closes_at: '2030-01-01T01:00:00Z' };
    expect((await create(window)).json).toMatchObject({
      opens_at: '2030-01-01T00:00:00Z',
      closes_at: '2030-01-01T01:00:00Z',
      state: 'scheduled',
    });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** The members of a coupon besides its stock, window, pause and archiving: at creation, in changes and in all bodies. */
import { describe, expect, it } from 'vitest';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

const fixed = ['hold_seconds', 'claims_per_user_max', 'saga', 'stock_low_at'];
const texts = ['title', 'description', 'pause_reason'];
const allowed: Record<string, string> = {
  hold_seconds: 'must be a whole number from 1 to 2592000, or null',
  claims_per_user_max: 'must be a whole number from 1 to 100',
  saga: 'must be a text of 1 to 64 characters without control characters, or null',
  stock_low_at: 'must be a whole number from 0 to 2147483647, or null',
  title: 'must be a text of at most 120 characters without control characters, or null',
  description:
    'must be a text of at most 2000 characters without control characters but tabs and line breaks, or null',
  pause_reason: 'must be a text of 1 to 255 characters without control characters, or null',
};
const textMax = { title: 120, description: 2000, pause_reason: 255 };

/** One case for each value of a member, with the text that names the case. */
const each = (member: string, values: readonly unknown[]) =>
  values.map((value) => {
    const length = typeof value === 'string' ? [...value].length : 0;
    const shown = length > 50 ? `${length} times ${[...String(value)][0]}` : JSON.stringify(value);
    return [member, shown, value] as const;
  });

describe('POST /api/coupons with further members', () => {
  const service = useService();
  const create = (members: object) =>
    service.client.post('/api/coupons', { name: newName(), amount: 10, ...members });
  const listed = async (name: string) => {
    const page = await service.client.get(`/api/coupons?name_prefix=${name}&limit=1`);
    return page.json.coupons[0];
  };

  it.each([
    ...each('hold_seconds', [1, 600, 2_592_000]),
    ...each('claims_per_user_max', [1, 2, 3, 100]),
    ...each('stock_low_at', [0, 1, 11, 2_147_483_647]),
    ...each('title', ['', 'Früh am Morgen 🎟', 't'.repeat(120), '🎟'.repeat(120)]),
    ...each('description', ['', 'one line\nand another\r\n\tand a third', '🎟'.repeat(2000)]),
    ...each('pause_reason', ['.', '🎟'.repeat(255)]),
  ])('every body of a coupon shows its %s: %s', async (member, _, value) => {
    const created = await create({ [member]: value });
    expect(created.status, created.text).toBe(201);
    const { name } = created.json;
    const { message, ...coupon } = created.json;
    expect(coupon).toMatchObject({ ...membersLeftOut, [member]: value });
    expect((await service.client.get(pathOf(name))).json).toEqual(coupon);
    const { claimed_by, ...summary } = coupon;
    expect(await listed(name)).toEqual(summary);
    const newest = await service.client.get('/api/coupons?order=newest&limit=1');
    expect(newest.json.coupons).toEqual([summary]);
    const paused = await service.client.patch(pathOf(name), { paused: true });
    expect(paused.json).toEqual({ ...coupon, paused: true, state: 'paused' });
    const added = await service.client.post(pathOf(name, 'stock'), { add: 1 });
    expect(added.json).toEqual({ ...paused.json, amount: 11, remaining_amount: 11 });
  });

  it('one creation sets all members', async () => {
    const numbers = { claims_per_user_max: 1, stock_low_at: 5 };
    const members = { ...numbers, title: 'a', description: 'b', pause_reason: 'c' };
    expect((await create(members)).json).toMatchObject(members);
  });

  it.each(['1.0', '1e1'])('the whole number %s is accepted in JSON', async (value) => {
    const body = `{"name":"${newName()}","amount":1,"claims_per_user_max":${value},"stock_low_at":${value}}`;
    const answer = await service.client.post('/api/coupons', body);
    expect(answer.json).toMatchObject({
      ...{ claims_per_user_max: Number(value), stock_low_at: Number(value) },
    });
  });

  it('null is the same as a member that is left out', async () => {
    const { claims_per_user_max, ...others } = membersLeftOut;
    expect((await create(others)).json).toMatchObject(membersLeftOut);
  });

  it.each([
    ...each('hold_seconds', [0, -1, 2_592_001, 1.5, '60', '', true, [], [60], {}]),
    ...each('claims_per_user_max', [0, -1, 101, 1.5, null, '3', true, [3], {}]),
    ...each('saga', ['', 's'.repeat(65), 'a\nb', '\ud800', 5, true, ['checkout'], {}]),
    ...each('stock_low_at', [-1, 2_147_483_648, 0.5, '5', false, [5], {}]),
    ...each('title', ['t'.repeat(121), '🎟'.repeat(121), 'a\nb', 'a\0b', 'a\ud800', '\udc00']),
    ...each('title', [5, true, ['t'], {}]),
    ...each('description', ['d'.repeat(2001), 'a\0b', 'a\u001bb', 'a\u0085b', '\ud800', 5, ['d']]),
    ...each('pause_reason', ['', 'r'.repeat(256), '🎟'.repeat(256), 'a\nb', 'a\0b', '\ud800']),
    ...each('pause_reason', [0, true, ['r'], {}]),
  ])(
    'a coupon with an invalid %s is refused and nothing is stored: %s',
    async (member, _, value) => {
      const before = await service.storedCounts();
      const answer = await create({ [member]: value });
      expectInvalid(answer, member);
      expect(answer.json.errors).toEqual([{ field: member, message: allowed[member] }]);
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it.each([
    ['hold_second', 'hold_seconds'],
    ['holdSeconds', 'hold_seconds'],
    ['claims_per_user', 'claims_per_user_max'],
    ['claim_per_user_max', 'claims_per_user_max'],
    ['stock_low', 'stock_low_at'],
    ['titel', 'title'],
    ['descripton', 'description'],
    ['paused_reason', 'pause_reason'],
  ])('the misspelt member %s is refused with the name that is meant', async (member, meant) => {
    const before = await service.storedCounts();
    const answer = await create({ [member]: 1 });
    expectInvalid(answer, member);
    expect(answer.json.errors[0].message).toBe(`is unknown; did you mean \`${meant}\`?`);
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a saga that the service does not have is refused and nothing is stored', async () => {
    const before = await service.storedCounts();
    for (const more of [{}, { hold_seconds: 60 }]) {
      const answer = await create({ saga: 'checkout', ...more });
      expectInvalid(answer, 'saga');
      expect(answer.json.errors[0].message).toBe('must be a saga of SAGAS_FILE, and there is none');
    }
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a user who may not see the holders sees these members', async () => {
    await service.withAnother(
      { ADMIN_API_KEY: 'admin-key-of-thirty-two-characters!' },
      async (other) => {
        const { name } = (await create({ title: 'Launch', pause_reason: 'soon' })).json;
        const seen = (await other.client.get(pathOf(name))).json;
        expect(seen).toMatchObject({ ...membersLeftOut, title: 'Launch', pause_reason: 'soon' });
        expect(seen).not.toHaveProperty('claimed_by');
      },
    );
  });
});

describe('PATCH /api/coupons/{name} with further members', () => {
  const service = useService();
  const change = (name: string, body: unknown) => service.client.patch(pathOf(name), body);
  const read = async (name: string) => (await service.client.get(pathOf(name))).json;
  const set = { title: 'Launch', description: 'The first one.\nOnly once.', pause_reason: 'soon' };

  it.each(fixed)('%s is fixed at creation: any change of it is refused', async (member) => {
    const name = await service.createCoupon({ claims_per_user_max: 5, stock_low_at: 5 });
    const before = await read(name);
    for (const value of [before[member], 1, 5, null, 'x']) {
      for (const others of [{}, { paused: true }, { title: 'changed' }]) {
        const answer = await change(name, { ...others, [member]: value });
        expectInvalid(answer, member);
        expect(answer.json.errors[0].message).toBe(
          'cannot be changed; it is fixed when the coupon is created',
        );
        expect(answer.json.error).toContain(member);
      }
    }
    expect(await read(name)).toEqual(before);
  });

  it.each(texts)('a change sets %s, null clears it, and all others stay', async (member) => {
    const name = await service.createCoupon({ ...set, stock_low_at: 5, claims_per_user_max: 2 });
    const before = await read(name);
    const longest = '🎟'.repeat(textMax[member as keyof typeof textMax]);
    for (const value of ['other', longest, null, null, 'again']) {
      const answer = await change(name, { [member]: value });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json).toEqual({ ...before, [member]: value });
      expect(await read(name)).toEqual(answer.json);
    }
  });

  it('one change sets texts together with the window and the pause', async () => {
    const name = await service.createCoupon();
    const fields = { ...set, paused: true, closes_at: '2999-01-01T00:00:00Z' };
    expect((await change(name, fields)).json).toMatchObject({ ...fields, state: 'paused' });
    expect(await read(name)).toMatchObject(fields);
  });

  it('the reason of a pause stays when the sale is resumed, archived and taken back', async () => {
    const name = await service.createCoupon();
    await change(name, { paused: true, pause_reason: 'recount' });
    for (const body of [{ paused: false }, { archived: true }, { archived: false }]) {
      expect((await change(name, body)).json).toMatchObject({ pause_reason: 'recount' });
    }
    await change(name, { archived: true });
    expect((await change(name, { title: 'gone' })).json).toMatchObject({
      ...{ title: 'gone', archived: true, state: 'closed' },
    });
  });

  it.each([
    ...each('title', ['t'.repeat(121), 'a\nb', 'a\0b', '\ud800', 1, true, [], {}]),
    ...each('description', ['d'.repeat(2001), 'a\0b', '\ud800', 1, []]),
    ...each('pause_reason', ['', 'r'.repeat(256), 'a\nb', '\ud800', false, {}]),
  ])(
    'a change of %s to an invalid value is refused and changes nothing: %s',
    async (member, _, value) => {
      const name = await service.createCoupon(set);
      const before = await read(name);
      expectInvalid(await change(name, { [member]: value }), member);
      expectInvalid(await change(name, { paused: true, [member]: value }), member);
      expect(await read(name)).toEqual(before);
    },
  );

  it.each([
    ['titel', 'is unknown; did you mean `title`?'],
    ['paused_reason', 'is unknown; did you mean `pause_reason`?'],
    ['desciption', 'is unknown; did you mean `description`?'],
  ])('a change of %s is refused and changes nothing', async (member, message) => {
    const name = await service.createCoupon();
    const before = await read(name);
    const answer = await change(name, { title: 'new', [member]: 'x' });
    expect(answer.json.errors).toEqual([{ field: member, message }]);
    expectProblem(answer, 'invalid_request');
    expect(await read(name)).toEqual(before);
  });

  it('the operator log has the members before and after a change', async () => {
    const name = await service.createCoupon({ ...set, claims_per_user_max: 7, stock_low_at: 0 });
    await change(name, { title: set.title, description: set.description });
    await change(name, { title: null, pause_reason: 'recount' });
    await service.client.post(pathOf(name, 'stock'), { add: 1 });
    const { entries } = (await service.client.get('/api/operator-log?limit=3')).json;
    const created = { ...membersLeftOut, ...set, claims_per_user_max: 7, stock_low_at: 0 };
    const changed = { ...created, title: null, pause_reason: 'recount' };
    expect(entries).toMatchObject([
      { action: 'add_stock', before: changed, after: { ...changed, amount: 11 } },
      { action: 'change_coupon', before: created, after: changed },
      { action: 'create_coupon', coupon_name: name, before: null, after: created },
    ]);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

const takes =
  'is unknown; this call takes name, amount, opens_at, closes_at, hold_seconds, claims_per_user_max, saga, ' +
  'stock_low_at, title, description, pause_reason';

describe('POST /api/coupons', () => {
  const service = useService();
  const create = (body: unknown) => service.client.post('/api/coupons', body);

  it('creating a coupon answers 201 with the whole coupon and its Location', async () => {
    const answer = await create({ name: 'launch day', amount: 3 });
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      message: 'coupon created',
      name: 'launch day',
      amount: 3,
      remaining_amount: 3,
      claimed_by: [],
      state: 'open',
      opens_at: null,
      closes_at: null,
      paused: false,
      archived: false,
      ...membersLeftOut,
      claims_url: '/api/coupons/launch%20day/claims',
    });
    expect(answer.headers.location).toBe('/api/coupons/launch%20day');
    expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
    expectApiHeaders(answer);
  });

  it('the response to a creation equals a later read, except for its message', async () => {
    const created = await create({ name: newName(), amount: 3, opens_at: '2999-01-01T00:00:00Z' });
    const { message, ...coupon } = created.json;
    const read = await service.client.get(String(created.headers.location));
    expect(message).toBe('coupon created');
    expect(read.json).toEqual(coupon);
  });

  it('creating a coupon writes the grant of its units to the ledger', async () => {
    const name = await service.createCoupon({ amount: 7 });
    const rows = await service.database.query(
      'select kind, units from stock_ledger where coupon_id = (select id from coupons where name = $1)',
      [name],
    );
    expect(rows).toEqual([{ kind: 'grant', units: 7 }]);
  });

  it.each([1, 2_147_483_647])('a coupon can be created with the amount %i', async (amount) => {
    const answer = await create({ name: newName(), amount });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({ amount, remaining_amount: amount });
  });

  it.each(['1.0', '1e2', '100.000'])(
    'the amount %s is accepted, since it is a whole number in JSON',
    async (amount) => {
      const answer = await create(`{"name":"${newName()}","amount":${amount}}`);
      expect(answer.status).toBe(201);
      expect(answer.json.amount).toBe(Number(amount));
    },
  );

  it('a second coupon of the same name is refused and the first stays unchanged', async () => {
    const name = await service.createCoupon({ amount: 5 });
    const before = await service.storedCounts();
    expectProblem(await create({ name, amount: 9 }), 'coupon_exists');
    expect(await service.storedCounts()).toEqual(before);
    expect((await service.client.get(pathOf(name))).json.amount).toBe(5);
  });

  it('of twenty simultaneous creations with the same name, exactly one succeeds', async () => {
    const name = newName();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => create({ name, amount: index + 1 })),
    );
    const created = answers.filter((answer) => answer.status === 201);
    expect(created).toHaveLength(1);
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 'coupon_exists');
    expect((await service.client.get(pathOf(name))).json.amount).toBe(created[0]?.json.amount);
  });

  it.each([
    ['open_at', 'is unknown; did you mean `opens_at`?'],
    ['opensAt', 'is unknown; did you mean `opens_at`?'],
    ['opened_at', 'is unknown; did you mean `opens_at`?'],
    ['OPENS_AT', 'is unknown; did you mean `opens_at`?'],
    ['close_at', 'is unknown; did you mean `closes_at`?'],
    ['closes-at', 'is unknown; did you mean `closes_at`?'],
    ['paused', takes],
    ['remaining_amount', takes],
    ['id', takes],
    ['constructor', takes],
    ['a"b\\u0000\ud800', takes],
  ])(
    'a creation with the unknown member %s is refused and stores nothing',
    async (member, message) => {
      const before = await service.storedCounts();
      const answer = await create({ name: newName(), amount: 4, [member]: '2999-01-01T00:00:00Z' });
      expectInvalid(answer, member);
      expect(answer.json.errors[0].message).toBe(message);
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('a misspelt member is reported together with the member that is missing', async () => {
    const answer = await create({ nmae: newName(), ammount: 4 });
    expectInvalid(answer, 'name', 'amount', 'nmae', 'ammount');
    expect(answer.json.errors).toContainEqual({
      field: 'nmae',
      message: 'is unknown; did you mean `name`?',
    });
    expect(answer.json.error).toContain('name is required');
  });

  it('a member with an empty name is reported as such', async () => {
    const answer = await create({ name: newName(), amount: 4, '': 1 });
    expect(answer.json.errors).toEqual([
      { field: 'body', message: 'must not have a member with an empty name' },
    ]);
  });

  it('of many unknown members the first are named, and long names are shortened', async () => {
    const many = Object.fromEntries(Array.from({ length: 1500 }, (_, n) => [`x${n}`, 1]));
    const answer = await create({ name: newName(), amount: 4, ...many });
    expectProblem(answer, 'invalid_request');
    expect(answer.json.errors).toHaveLength(9);
    expect(answer.json.errors.at(-1)).toEqual({
      field: 'body',
      message: 'has 1492 more unknown members',
    });
    const long = await create({ name: newName(), amount: 4, ['🎟'.repeat(3000)]: 1 });
    expectInvalid(long, `${'🎟'.repeat(64)}…`);
  });

  it('a creation with a query parameter is refused and stores nothing', async () => {
    const before = await service.storedCounts();
    const answer = await service.client.post('/api/coupons?opens_at=2999-01-01T00:00:00Z', {
      ...{ name: newName(), amount: 4 },
    });
    expectInvalid(answer, 'opens_at');
    expect(answer.json.errors[0].message).toBe(
      'is an unknown query parameter; this call takes none',
    );
    expect(await service.storedCounts()).toEqual(before);
  });
});

describe('POST /api/coupons with an invalid amount', () => {
  const service = useService();

  it.each(
    ['0', '-0', '-1', '1.5', '0.1', '"100"', '""', '2147483648', '1e10', '1e400', '-1e400'].concat([
      '9007199254740993',
      'null',
      'true',
      'false',
      '[]',
      '[1]',
      '{}',
      '"abc"',
      '{"valueOf":1}',
    ]),
  )('a coupon with the amount %s is refused and nothing is stored', async (amount) => {
    const before = await service.storedCounts();
    const answer = await service.client.post('/api/coupons', `{"name":"n","amount":${amount}}`);
    expectInvalid(answer, 'amount');
    expect(await service.storedCounts()).toEqual(before);
  });

  it.each(['{"name":"n"}', '{"name":"n","amount":null}'])(
    'a missing amount is reported as required: %s',
    async (body) => {
      const answer = await service.client.post('/api/coupons', body);
      expect(answer.json.error).toBe('invalid request: amount is required');
      expect(answer.json.errors).toEqual([{ field: 'amount', message: 'is required' }]);
    },
  );

  it('one response reports every wrong field', async () => {
    const answer = await service.client.post('/api/coupons', {});
    expectInvalid(answer, 'name', 'amount');
    expect(answer.json.error).toContain('name is required');
    expect(answer.json.error).toContain('amount is required');
  });
});

describe('POST /api/coupons with an invalid name', () => {
  const service = useService();

  it.each([
    ['null', 'null'],
    ['a number', '5'],
    ['true', 'true'],
    ['an array', '["n"]'],
    ['an object', '{"name":"n"}'],
    ['an empty text', '""'],
    ['one dot', '"."'],
    ['two dots', '".."'],
    ['256 characters', JSON.stringify('n'.repeat(256))],
    ['256 characters of four bytes', JSON.stringify('🎟'.repeat(256))],
    ['NUL', '"a\\u0000b"'],
    ['a newline', '"a\\nb"'],
    ['an escape character', '"a\\u001bb"'],
    ['DEL', '"a\\u007fb"'],
    ['a C1 control', '"a\\u0085b"'],
    ['a lone high surrogate', '"a\\ud800"'],
    ['a lone low surrogate', '"\\udc00a"'],
    ['surrogates the wrong way round', '"\\udc00\\ud800"'],
  ])('a coupon with %s as its name is refused and nothing is stored', async (_what, name) => {
    const before = await service.storedCounts();
    const answer = await service.client.post('/api/coupons', `{"name":${name},"amount":5}`);
    expectInvalid(answer, 'name');
    expect(await service.storedCounts()).toEqual(before);
  });

  it.each(['{"amount":5}', '{"name":null,"amount":5}', '{"name":"","amount":5}'])(
    'a missing name is reported as required: %s',
    async (body) => {
      const answer = await service.client.post('/api/coupons', body);
      expect(answer.json.error).toBe('invalid request: name is required');
      expect(answer.json.errors).toEqual([{ field: 'name', message: 'is required' }]);
    },
  );
});

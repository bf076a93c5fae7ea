// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchAnswer } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;
let coupons = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await stores.close();
  await database.drop();
});

async function newCoupon(amount: number): Promise<string> {
  coupons += 1;
  await stores.createCoupon(`coupon-${coupons}`, amount);
  return `coupon-${coupons}`;
}

const users = (count: number) => range(count).map((index) => `user-${index}`);
const claimsOf = (answer: BatchAnswer) =>
  answer.kind === 'decided'
    ? answer.outcomes.flatMap((outcome) =>
        'claim' in outcome && outcome.claim ? [outcome.claim] : [],
      )
    : [];
const setWindow = (name: string, set: string) =>
  database.query(`update coupons set ${set} where name = $1`, [name]);

describe('a batch', () => {
  it.each([1, 7, 8, 100])('gives %i claims positions in their order of arrival', async (size) => {
    const name = await newCoupon(size);
    const claimIds = range(size).map(() => newId());
    const answer = await stores.decide(
      name,
      users(size).map((userId, index) => ({ userId, claimId: claimIds[index] ?? '' })),
    );
    expect(outcomesOf(answer)).toEqual(range(size).map(() => 'claimed'));
    expect(claimsOf(answer)).toEqual(
      range(size).map((index) => ({
        claimId: claimIds[index],
        couponName: name,
        userId: `user-${index}`,
        position: index + 1,
        claimedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
        state: 'confirmed',
      })),
    );
    expect((await database.query('select idempotency_key from claims limit 1'))[0]).toEqual({
      idempotency_key: null,
    });
  });

  it.each([3, 12])(
    'gives the last units to the first claims (%i claims before)',
    async (before) => {
      const name = await newCoupon(before + 2);
      await stores.decide(name, users(before));
      const answer = await stores.decide(name, ['x', 'y', 'z', 'user-0']);
      expect(outcomesOf(answer)).toEqual(['claimed', 'claimed', 'sold_out', 'already_claimed']);
      expect(claimsOf(answer).map(({ position }) => position)).toEqual([before + 1, before + 2, 1]);
    },
  );

  it.each([2, 10])('gives a user who claims twice in it one claim (%i claims)', async (size) => {
    const name = await newCoupon(50);
    const key = { userId: 'ada', idempotencyKey: 'one intent' };
    const others = users(size - 2);
    const answer = await stores.decide(name, [key, ...others, key]);
    expect(outcomesOf(answer)).toEqual(['claimed', ...others.map(() => 'claimed'), 'replayed']);
    const [first, last] = [claimsOf(answer)[0], claimsOf(answer).at(-1)];
    expect(last).toEqual(first);
    expect(claimsOf(answer).map(({ position }) => position)).toEqual([
      ...range(size - 1).map((index) => index + 1),
      1,
    ]);
  });

  it.each([1, 9])(
    'returns a holder the claim that is stored, replayed only with the same key (%i others)',
    async (others) => {
      const name = await newCoupon(50);
      const [held] = claimsOf(
        await stores.decide(name, [{ userId: 'ada', idempotencyKey: 'one intent' }]),
      );
      const again = await stores.decide(name, [
        { userId: 'ada', idempotencyKey: 'one intent' },
        { userId: 'ada', idempotencyKey: 'another intent' },
        ...users(others),
        { userId: 'ada' },
      ]);
      expect(outcomesOf(again).slice(0, 2)).toEqual(['replayed', 'already_claimed']);
      expect(outcomesOf(again).at(-1)).toBe('already_claimed');
      expect(claimsOf(again).filter(({ userId }) => userId === 'ada')).toEqual([held, held, held]);
      // Without a key there is nothing that identifies a replay.
      expect(outcomesOf(await stores.decide(name, ['user-0']))).toEqual(['already_claimed']);
    },
  );

  it('does not replay the claim of one user to another with the same key', async () => {
    const name = await newCoupon(5);
    const claims = ['ada', 'eve'].map((userId) => ({ userId, idempotencyKey: 'the same' }));
    expect(outcomesOf(await stores.decide(name, claims))).toEqual(['claimed', 'claimed']);
  });

  it.each([1, 8])(
    'returns claimed again for claims that are sent again with the same ids (%i claims)',
    async (size) => {
      const name = await newCoupon(size);
      const claims = users(size).map((userId) => ({ userId, claimId: newId() }));
      const first = await stores.decide(name, claims);
      const second = await stores.decide(name, claims);
      expect(outcomesOf(second)).toEqual(range(size).map(() => 'claimed'));
      expect(claimsOf(second)).toEqual(claimsOf(first));
    },
  );

  it('returns coupon_not_found for each claim of a coupon that does not exist, and stores nothing', async () => {
    expect(outcomesOf(await stores.decide('no such coupon', ['ada', 'eve']))).toEqual([
      'coupon_not_found',
      'coupon_not_found',
    ]);
  });

  it.each([
    ["opens_at = clock_timestamp() + interval '1 hour'", 'not_open'],
    ['paused = true', 'paused'],
    ["closes_at = clock_timestamp() - interval '1 hour'", 'closed'],
    ["paused = true, closes_at = clock_timestamp() - interval '1 hour'", 'paused'],
    ["paused = true, opens_at = clock_timestamp() + interval '1 hour'", 'not_open'],
  ])('while %s, returns a holder the stored claim, and all others %s', async (set, outcome) => {
    const name = await newCoupon(20);
    await stores.decide(name, [{ userId: 'ada', idempotencyKey: 'one intent' }]);
    await setWindow(name, set);
    const answer = await stores.decide(name, [
      'ada',
      ...users(9),
      { userId: 'ada', idempotencyKey: 'one intent' },
    ]);
    expect(outcomesOf(answer)).toEqual([
      'already_claimed',
      ...range(9).map(() => outcome),
      'replayed',
    ]);
  });

  it('returns when the sale opens, and in how many seconds, before it opens', async () => {
    const name = await newCoupon(1);
    await setWindow(name, "opens_at = '2100-01-01 00:00:00.5+00'");
    expect(await stores.decide(name, ['ada'])).toMatchObject({
      outcomes: [
        {
          outcome: 'not_open',
          opensAt: expect.stringMatching(/^2100-01-01T00:00:00\.50*Z$/),
          opensInSeconds: expect.any(Number),
        },
      ],
    });
    await setWindow(name, "opens_at = '9999-01-01 00:00:00+00'");
    expect(await stores.decide(name, ['ada'])).toMatchObject({
      outcomes: [{ opensInSeconds: 2_147_483_647 }],
    });
  });

  it('returns closed rather than sold_out when both apply', async () => {
    const name = await newCoupon(1);
    await stores.decide(name, ['ada']);
    await setWindow(name, "closes_at = clock_timestamp() - interval '1 hour'");
    expect(outcomesOf(await stores.decide(name, ['eve']))).toEqual(['closed']);
  });

  it('stores every text unchanged, whatever characters it has', async () => {
    const name = 'a "coupon" {with}, \\ and NULL \u{1f39f}';
    await stores.createCoupon(name, 20);
    const userIds = [
      'NULL',
      '{}',
      '"',
      '\\',
      "'",
      ',',
      ' ',
      'é',
      'e\u0301',
      '\u{1f600}'.repeat(255),
    ];
    const answer = await stores.decide(
      name,
      userIds.map((userId) => ({ userId, idempotencyKey: `key of ${userId}`.slice(0, 255) })),
    );
    expect(outcomesOf(answer)).toEqual(userIds.map(() => 'claimed'));
    const page = await stores.reader.listClaims({ couponName: name, afterPosition: 0, limit: 50 });
    expect(page).toMatchObject({ claims: userIds.map((userId) => ({ userId })), more: false });
  });
});

describe('a value that the database does not accept', () => {
  it.each([
    ['a NUL', 'eve\0', 'refused', undefined],
    ['256 characters', 'x'.repeat(256), 'invalid', 'user_id'],
    ['no characters', '', 'invalid', 'user_id'],
  ])('(%s) refuses its batch, of which nothing is stored', async (_, userId, reason, field) => {
    const name = await newCoupon(20);
    const answer = await stores.decide(name, [...users(9), userId]);
    expect(outcomesOf(answer)).toEqual([`refused: ${reason}`]);
    expect('fields' in answer ? answer.fields?.[0]?.field : undefined).toBe(field);
    expect(await stores.reader.findClaim(name, 'user-0')).toBeUndefined();
  });
});

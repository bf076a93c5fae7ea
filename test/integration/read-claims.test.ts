// SPDX-License-Identifier: GPL-3.0-or-later
/** Reading claims in every state: one user's claim, the claims of a coupon, the claims of a user. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { type ClaimState, claimStates } from '../../src/core/claims/claim.ts';
import type { CouponClaimQuery } from '../../src/core/claims/ports.ts';
import { nextAfter } from '../../src/core/claims/read-claims.ts';
import type { SagaState } from '../../src/core/sagas/saga.ts';
import { range } from '../support/crowd.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

/** A claim to store. Its times follow from its state and position. */
type Planted = { position: number; userId: string; claimId: string; state: ClaimState };

/** A state of a stored saga, or `none` where the relay has not stored it yet. */
type StoredSaga = 'none' | 'R' | 'C' | 'A' | 'D' | 'X';

let database: TestDatabase;
let stores: Stores;
let coupons = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

const claimOf = (position: number, state: ClaimState, userId = `user-${position}`): Planted => ({
  ...{ position, state, userId, claimId: newId() },
});

/** Stores a coupon with these claims past the service, and returns its name. */
async function plant(claims: readonly Planted[]): Promise<string> {
  coupons += 1;
  const name = `COUPON ${coupons}`;
  await stores.createCoupon(name, 1_000);
  for (const { position, userId, claimId, state } of claims) {
    const values = [name, userId, position, claimId];
    if (state === 'released') {
      await database.query(
        `insert into released_claims
           (coupon_id, user_id, position, claim_id, claimed_at, released_at, reason, is_final)
         select id, $2, $3::integer, $4, now(), now(),
           case when $3::integer % 2 = 0 then 'expired' end, false
         from coupons where name = $1`,
        values,
      );
      continue;
    }
    await database.query(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at)
       select id, $2, $3, $4, now(), case when $5 then now() end from coupons where name = $1`,
      [...values, state === 'reserved'],
    );
    if (state === 'redeemed') {
      await database.query(
        `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
         select id, $2, $3, now() from coupons where name = $1`,
        [name, userId, claimId],
      );
    }
  }
  return name;
}

const shown = ({ position, userId, claimId, state }: Planted) => ({
  ...{ position, userId, claimId, state },
});

/** The claims of all pages of a list, and the number of pages. */
async function allPages(query: Omit<CouponClaimQuery, 'afterPosition'>) {
  const claims = [];
  let pages = 0;
  for (let after: number | undefined = 0; after !== undefined; pages += 1) {
    const page = await stores.reader.listClaims({ ...query, afterPosition: after });
    if (page === 'coupon_not_found') throw new Error(page);
    expect(page.claims.length).toBeLessThanOrEqual(query.limit);
    claims.push(...page.claims);
    const next = nextAfter(page);
    if (next !== undefined) expect(next).toBeGreaterThan(after);
    after = next;
  }
  return { claims, pages };
}

/** Every choice of states but none. */
const choices = range(15).map((bits) =>
  claimStates.filter((_, index) => ((bits + 1) >> index) % 2 === 1),
);

describe('a stored claim', () => {
  it('has the times of its state and no other ones', async () => {
    const states = ['reserved', 'confirmed', 'redeemed', 'released', 'released'] as const;
    const name = await plant(states.map((state, index) => claimOf(index + 1, state)));
    await database.query(`update claims set confirmed_at = now() where user_id = 'user-3'`);
    const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const always = { claimId: expect.any(String), couponName: name, claimedAt: time };
    const { claims } = await allPages({ couponName: name, limit: 10, states: claimStates });
    expect(claims).toEqual([
      { ...always, userId: 'user-1', position: 1, state: 'reserved', expiresAt: time },
      { ...always, userId: 'user-2', position: 2, state: 'confirmed' },
      {
        ...{ ...always, userId: 'user-3', position: 3, state: 'redeemed' },
        ...{ confirmedAt: time, redeemedAt: time },
      },
      {
        ...{ ...always, userId: 'user-4', position: 4, state: 'released' },
        ...{ releasedAt: time, reason: 'expired' },
      },
      { ...always, userId: 'user-5', position: 5, state: 'released', releasedAt: time },
    ]);
  });
});

describe('a claim of a coupon with a saga', () => {
  const cases: [state: ClaimState, stored: StoredSaga, sagaState: SagaState][] = [
    ['reserved', 'none', 'running'],
    ['reserved', 'R', 'running'],
    ['reserved', 'C', 'compensating'],
    ['reserved', 'A', 'needs_attention'],
    ['confirmed', 'none', 'done'],
    ['confirmed', 'D', 'done'],
    ['confirmed', 'C', 'compensating'],
    ['confirmed', 'A', 'needs_attention'],
    ['redeemed', 'D', 'done'],
    ['released', 'X', 'compensated'],
    ['released', 'none', 'compensated'],
  ];
  const sagaOf = (position: number) => {
    const [, , sagaState] = cases[position - 1] ?? [];
    return sagaState;
  };
  const holder = (position: number) => `holder-${position}`;
  let name: string;
  let plain: string;

  /** A coupon with a claim for each case. */
  async function plantCases(): Promise<string> {
    const claims = cases.map(([state], index) => claimOf(index + 1, state, holder(index + 1)));
    const coupon = await plant(claims);
    for (const [index, [, stored]] of cases.entries()) {
      if (stored === 'none') continue;
      const { claimId, userId } = claims[index] as Planted;
      await database.query(
        `insert into sagas
           (saga_id, coupon_id, position, claim_id, user_id, name, state, due_at, shard, started_at, deadline_at)
         select saga_id_of($2), id, $3, $2, $4, 'checkout', $5, now(), 0, now(), now()
         from coupons where name = $1`,
        [coupon, claimId, index + 1, userId, stored],
      );
    }
    return coupon;
  }

  beforeAll(async () => {
    name = await plantCases();
    await database.query(
      `update coupons set hold_seconds = 60, saga = 'checkout' where name = $1`,
      [name],
    );
    await database.query(
      `update claims set expires_at = 'infinity'
       where expires_at is not null and coupon_id = (select id from coupons where name = $1)`,
      [name],
    );
    plain = await plantCases();
  });

  it('has the id and the state of its saga in every list, and no end of a hold', async () => {
    const { claims: every } = await allPages({ couponName: name, limit: 4, states: claimStates });
    expect(every).toHaveLength(cases.length);
    const { claims: live } = await allPages({ couponName: name, limit: 100 });
    for (const [index, [state, , sagaState]] of cases.entries()) {
      const position = index + 1;
      const ofUser = await stores.reader.listUserClaims({
        ...{ userId: holder(position), states: [state], cursor: undefined, limit: 1 },
        walkMax: 1000,
      });
      const { claimId = '' } = every[index] ?? {};
      const saga = { sagaId: `${claimId.slice(0, 14)}8${claimId.slice(15)}`, sagaState };
      const read = [
        ...[every[index], await stores.reader.findClaim(name, holder(position)), ofUser.claims[0]],
        ...(state === 'released' ? [] : [live[index]]),
      ];
      for (const claim of read) {
        expect(claim).toMatchObject({ position, state, ...saga });
        expect(claim).not.toHaveProperty('expiresAt');
      }
    }
  });

  it('is chosen by its state, its position and its id as any other', async () => {
    for (const [index, [state, , sagaState]] of cases.entries()) {
      const { claims } = await allPages({ couponName: name, limit: 3, position: index + 1 });
      expect(claims).toMatchObject([{ state, sagaState }]);
      const byId = await allPages({ couponName: name, limit: 3, claimId: claims[0]?.claimId });
      expect(byId.claims).toEqual(claims);
      const { claims: ofState } = await allPages({ couponName: name, limit: 3, states: [state] });
      expect(ofState.map(({ sagaState }) => sagaState)).toEqual(
        ofState.map(({ position }) => sagaOf(position)),
      );
    }
  });

  it('is none where its coupon has no saga, whatever else is stored', async () => {
    const { claims } = await allPages({ couponName: plain, limit: 100, states: claimStates });
    claims.push((await stores.reader.findClaim(plain, holder(1))) as (typeof claims)[0]);
    expect(claims).toHaveLength(cases.length + 1);
    for (const claim of claims) {
      expect(claim).not.toHaveProperty('sagaId');
      expect(claim).not.toHaveProperty('sagaState');
    }
  });
});

describe('finding the claim of a user', () => {
  it.each(['reserved', 'confirmed', 'redeemed'] as const)(
    'returns the live claim that is %s, and none of the released ones before it',
    async (state) => {
      const live = claimOf(3, state, 'ada');
      const before = [1, 2].map((position) => claimOf(position, 'released', 'ada'));
      const name = await plant([...before, live]);
      expect(await stores.reader.findClaim(name, 'ada')).toMatchObject(shown(live));
    },
  );

  it('returns the last released claim of a user without a live one', async () => {
    const last = claimOf(7, 'released', 'ada');
    const name = await plant([claimOf(2, 'released', 'ada'), last, claimOf(9, 'released', 'bob')]);
    expect(await stores.reader.findClaim(name, 'ada')).toMatchObject(shown(last));
    expect(await stores.reader.findClaim(name, 'eve')).toBeUndefined();
    expect(await stores.reader.findClaim('nowhere', 'ada')).toBe('coupon_not_found');
  });
});

describe('listing the claims of a coupon', () => {
  const claims = range(40).map((index) =>
    // Every mixture of neighbours, with gaps between some of them.
    claimOf(
      index + 1 + 5 * Math.floor(index / 7),
      claimStates[(index * index + index) % 4] as ClaimState,
    ),
  );
  let name: string;

  beforeAll(async () => {
    name = await plant(claims);
  });

  it.each(choices)(
    'returns each claim that is %s %s %s %s once, in order of position',
    async (...states) => {
      const expected = claims.filter(({ state }) => states.includes(state)).map(shown);
      for (const limit of [1, 3, 40, 1000]) {
        const listed = await allPages({ couponName: name, limit, states });
        expect(listed.claims).toMatchObject(expected);
        expect(listed.claims).toHaveLength(expected.length);
      }
    },
  );

  it('returns every live claim unless states are named', async () => {
    const live = claims.filter(({ state }) => state !== 'released').map(shown);
    for (const query of [{}, { claimId: undefined, position: undefined, states: undefined }]) {
      const listed = await allPages({ couponName: name, limit: 7, ...query });
      expect(listed.claims).toMatchObject(live);
      expect(listed.claims).toHaveLength(live.length);
    }
  });

  it('finds one claim by its position or its id in any state, unless other states are named', async () => {
    for (const claim of claims) {
      for (const one of [{ position: claim.position }, { claimId: claim.claimId }]) {
        for (const states of [undefined, [claim.state]]) {
          const found = await allPages({ couponName: name, limit: 5, states, ...one });
          expect(found).toMatchObject({ claims: [shown(claim)], pages: 1 });
        }
        const others = claimStates.filter((state) => state !== claim.state);
        const none = await allPages({ couponName: name, limit: 5, states: others, ...one });
        expect(none.claims).toEqual([]);
      }
    }
    for (const one of [{ position: 6_000 }, { claimId: newId() }]) {
      expect(await allPages({ couponName: name, limit: 5, ...one })).toMatchObject({
        ...{ claims: [], pages: 1 },
      });
    }
  });

  it('distinguishes an unknown coupon from one without such claims', async () => {
    const query = { afterPosition: 0, limit: 5, states: ['redeemed'] as const };
    const empty = await plant([]);
    expect(await stores.reader.listClaims({ ...query, couponName: empty })).toEqual({
      ...{ claims: [], more: false },
    });
    expect(await stores.reader.listClaims({ ...query, couponName: 'nowhere' })).toBe(
      'coupon_not_found',
    );
  });

  it('looks at a limited number of positions for a page, and goes on behind gaps', async () => {
    const far = [1, 20_000, 20_001, 45_000, 250_000];
    const rare = far.map((position) => claimOf(position, 'reserved'));
    const many = await plant([...rare, claimOf(300_000, 'released')]);
    const { claims: found, pages } = await allPages({
      ...{ couponName: many, limit: 10, states: ['reserved'] },
    });
    expect(found).toMatchObject(rare.map(shown));
    expect(pages).toBe(4);
    const last = rare.at(-1) as Planted;
    const byId = await allPages({ couponName: many, limit: 10, claimId: last.claimId });
    expect(byId).toMatchObject({ claims: [shown(last)], pages: 2 });
  });
});

describe('listing the claims of a user', () => {
  it('returns each claim in the wanted states once, whatever the size of a page', async () => {
    const expected: (Planted & { couponName: string })[] = [];
    for (const states of [
      ['released', 'released', 'released', 'redeemed'],
      ['confirmed'],
      ['released', 'released'],
      [],
      ['released', 'reserved'],
    ] as const) {
      const claims = states.map((state, index) => claimOf(index * 3 + 2, state, 'carla'));
      const couponName = await plant([claimOf(1, 'confirmed', 'dora'), ...claims]);
      expected.push(...claims.map((claim) => ({ ...claim, couponName })));
    }
    for (const states of [undefined, ...choices]) {
      const wanted = states ?? claimStates.filter((state) => state !== 'released');
      const ofStates = expected
        .filter(({ state }) => wanted.includes(state))
        .map((claim) => ({ ...shown(claim), couponName: claim.couponName }));
      for (const [limit, walkMax] of [
        [1, 1],
        [1, 1000],
        [2, 2],
        [3, 1000],
        [1000, 1000],
      ] as const) {
        const listed = [];
        let cursor: string | undefined;
        do {
          const page = await stores.reader.listUserClaims({
            ...{ userId: 'carla', states, cursor, limit, walkMax },
          });
          listed.push(...page.claims);
          expect(page.next).not.toBe(cursor);
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        expect(listed).toMatchObject(ofStates);
        expect(listed).toHaveLength(ofStates.length);
      }
    }
  });

  it('accepts the cursor of an older release, which names a coupon only', async () => {
    const name = await plant([claimOf(1, 'released', 'finn'), claimOf(2, 'confirmed', 'finn')]);
    const later = await plant([claimOf(1, 'confirmed', 'finn')]);
    const [coupon] = await database.query<{ id: string }>(
      'select id from coupons where name = $1',
      [name],
    );
    const page = await stores.reader.listUserClaims({
      ...{ userId: 'finn', states: claimStates, cursor: coupon?.id, limit: 5, walkMax: 1000 },
    });
    expect(page.claims).toMatchObject([{ couponName: later }]);
  });
});

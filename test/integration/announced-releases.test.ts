// SPDX-License-Identifier: GPL-3.0-or-later
/** Releases of claims of a sold-out coupon, which are announced before a unit comes back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import {
  change,
  claim,
  type HoldStores,
  openHoldStores,
  rulesOfEndedHolds,
} from '../support/batch-commands.ts';
import { byTest } from '../support/by-test.ts';

let sale: HoldStores;
let coupons = 0;

beforeAll(async () => {
  sale = await openHoldStores();
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query, rulesOfEndedHolds)).toEqual([]);
  await sale.close();
});

const users = ['exp', 'con', 'ada', 'bob', 'eve'];

/** A sold-out coupon with a hold for each user, of which that of `con` is confirmed. */
async function soldOut(): Promise<string> {
  coupons += 1;
  const name = `coupon-${coupons}`;
  await sale.createCoupon(name, users.length);
  await sale.decide(name, [...users.map((user) => claim(user)), change('confirm', 'con')]);
  return name;
}

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

/** Asks for the release of a claim, and returns its announcement. */
async function announce(coupon: string, user: string): Promise<string> {
  const [decided] = await sale.decide(coupon, [change('release', user)]);
  if (decided?.outcome !== 'announced') throw new Error(`release: ${decided?.outcome}`);
  return decided.announcement;
}

const releaseWith = async (coupon: string, user: string, announcement: string) =>
  outcomesOf(await sale.decide(coupon, [change('release', user, { announcement })]));

describe('a release of a claim of a sold-out coupon', () => {
  it('is announced and changes nothing else, while other changes of its batch are made', async () => {
    const coupon = await soldOut();
    const batchId = newId();
    const decided = await sale.decide(
      coupon,
      [change('release', 'ada'), change('confirm', 'bob'), claim('new')],
      batchId,
    );
    expect(outcomesOf(decided)).toEqual(['announced', 'changed', 'sold_out']);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 0, announced: true });
    expect(await sale.ledgerRow(batchId)).toMatchObject({ units: 0, changes: ['C4'] });
    expect(await sale.stores.reader.findClaim(coupon, 'ada')).toMatchObject({ state: 'reserved' });
  });

  it('is made with its announcement, which ends with it', async () => {
    const coupon = await soldOut();
    const announcement = await announce(coupon, 'ada');
    expect(await releaseWith(coupon, 'ada', announcement)).toEqual(['changed']);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 1, returned: 1, announced: false });
  });

  it.each<[string, (coupon: string) => Promise<unknown>]>([
    ['a confirm', (coupon) => sale.decide(coupon, [change('confirm', 'bob')])],
    ['a redeem', (coupon) => sale.decide(coupon, [change('redeem', 'con')])],
    ['a refused claim', (coupon) => sale.decide(coupon, [claim('new')])],
    ['a void mark', (coupon) => sale.stores.claims.resolveBatch(coupon, newId())],
    ['another announcement', (coupon) => announce(coupon, 'eve')],
    [
      'an expired hold whose unit was sold again',
      async (coupon) => {
        await sale.expire(coupon, 'exp');
        expect(outcomesOf(await sale.decide(coupon, [claim('new')]))).toEqual(['claimed']);
      },
    ],
  ])('is made with its announcement after %s', async (_, meanwhile) => {
    const coupon = await soldOut();
    const announcement = await announce(coupon, 'ada');
    await meanwhile(coupon);
    expect(await releaseWith(coupon, 'ada', announcement)).toEqual(['changed']);
  });

  it.each<[string, (coupon: string) => Promise<unknown>]>([
    [
      'another release',
      async (coupon) => releaseWith(coupon, 'eve', await announce(coupon, 'eve')),
    ],
    [
      'added stock',
      async (coupon) => {
        const addition = { name: coupon, units: 1, batchId: newId() };
        const answer = await sale.stores.coupons.addStock(
          { ...addition, announcement: await announce(coupon, 'eve') },
          byTest,
        );
        expect(answer).toMatchObject({ replayed: false });
      },
    ],
  ])('is announced again after %s whose unit was sold', async (_, meanwhile) => {
    const coupon = await soldOut();
    const announcement = await announce(coupon, 'ada');
    await meanwhile(coupon);
    expect(outcomesOf(await sale.decide(coupon, [claim('new')]))).toEqual(['claimed']);
    expect(await releaseWith(coupon, 'ada', announcement)).toEqual(['announced']);
    // Also where another announcement counts by now.
    expect(await releaseWith(coupon, 'ada', announcement)).toEqual(['announced']);
    expect(await releaseWith(coupon, 'ada', await announce(coupon, 'ada'))).toEqual(['changed']);
  });

  it('lets the others of its batch be made too, and its unit goes to the next claim behind it', async () => {
    const coupon = await soldOut();
    const announcement = await announce(coupon, 'ada');
    const batchId = newId();
    const decided = await sale.decide(
      coupon,
      [
        ...[claim('early'), change('release', 'ada', { announcement }), claim('new 1')],
        ...[claim('new 2'), change('release', 'bob'), claim('new 3')],
      ],
      batchId,
    );
    expect(outcomesOf(decided)).toEqual([
      ...['sold_out', 'changed', 'claimed', 'sold_out', 'changed', 'claimed'],
    ]);
    expect(await sale.ledgerRow(batchId)).toEqual({
      ...{ kind: 'mixed', units: 2, first_position: 6, changes: ['R3', 'R4'] },
      ...{ remaining_after: 0, returned_units: 2 },
    });
  });

  it('needs no announcement while a unit is left', async () => {
    const coupon = await soldOut();
    await releaseWith(coupon, 'ada', await announce(coupon, 'ada'));
    expect(outcomesOf(await sale.decide(coupon, [change('release', 'bob')]))).toEqual(['changed']);
  });

  it('that would be refused is not announced', async () => {
    const coupon = await soldOut();
    const refused = [
      change('release', 'con', { mayReleaseConfirmed: false }),
      change('release', 'ada', { claimId: newId() }),
      change('release', 'unknown'),
    ];
    expect(outcomesOf(await sale.decide(coupon, refused))).toEqual([
      ...['forbidden', 'claim_mismatch', 'claim_not_found'],
    ]);
    expect(await sale.stockOf(coupon)).toMatchObject({ announced: false });
  });
});

describe('an announcement', () => {
  const isAnnounced = async (coupon: string) => {
    const [row] = await sale.database.query<{ stock_announced: boolean }>(
      'select stock_announced from coupons where name = $1',
      [coupon],
    );
    return row?.stock_announced;
  };

  it('ends with its release, also where the hold has expired meanwhile', async () => {
    const coupon = await soldOut();
    const announcement = await announce(coupon, 'ada');
    expect(await isAnnounced(coupon)).toBe(true);
    await sale.database.query(
      `update claims set expires_at = claimed_at
       where user_id = 'ada' and coupon_id = (select id from coupons where name = $1)`,
      [coupon],
    );
    expect(await releaseWith(coupon, 'ada', announcement)).toEqual(['changed']);
    expect(await isAnnounced(coupon)).toBe(false);
  });

  it('from before another one ended does not count beside a later one', async () => {
    const coupon = await soldOut();
    const [ada, bob] = [await announce(coupon, 'ada'), await announce(coupon, 'bob')];
    await sale.database.query(
      `update claims set expires_at = claimed_at
       where user_id = 'ada' and coupon_id = (select id from coupons where name = $1)`,
      [coupon],
    );
    const back = [change('release', 'ada', { announcement: ada }), claim('new')];
    expect(outcomesOf(await sale.decide(coupon, back))).toEqual(['changed', 'claimed']);
    // A snapshot of now shows a coupon that is sold out, and counts for a while.
    const eve = await announce(coupon, 'eve');
    expect(await releaseWith(coupon, 'bob', bob)).toEqual(['announced']);
    expect(await releaseWith(coupon, 'eve', eve)).toEqual(['changed']);
  });

  it('that no release follows is forgotten after a minute', async () => {
    const coupon = await soldOut();
    await announce(coupon, 'ada');
    expect(outcomesOf(await sale.decide(coupon, [claim('new')]))).toEqual(['sold_out']);
    expect(await isAnnounced(coupon)).toBe(true);
    await sale.database.query(
      `update coupons set announced_at = announced_at - interval '1 minute' where name = $1`,
      [coupon],
    );
    expect(outcomesOf(await sale.decide(coupon, [claim('new')]))).toEqual(['sold_out']);
    expect(await isAnnounced(coupon)).toBe(false);
  });
});

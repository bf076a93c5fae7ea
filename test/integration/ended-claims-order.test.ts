// SPDX-License-Identifier: GPL-3.0-or-later
/** Which answer comes first in one batch, and multi-coupon batches that meet claims that have ended. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import {
  type Command,
  change,
  claim,
  type HoldStores,
  openHoldStores,
  rulesOfEndedHolds,
} from '../support/batch-commands.ts';

let sale: HoldStores;
let coupons = 0;

beforeAll(async () => {
  sale = await openHoldStores();
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query, rulesOfEndedHolds)).toEqual([]);
  await sale.close();
});

async function newCoupon(amount = 10): Promise<string> {
  coupons += 1;
  await sale.createCoupon(`coupon-${coupons}`, amount, 'claims_per_user_max = 2');
  return `coupon-${coupons}`;
}

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

/** A coupon with users of every past, six released claims, and three live ones. */
async function couponWithPasts(unitsLeft: number): Promise<string> {
  const coupon = await newCoupon(3 + unitsLeft);
  const round = async (commands: Command[]) => {
    for (const command of commands) await sale.decide(coupon, [command]);
  };
  await round([claim('limit'), change('release', 'limit')]);
  await round([claim('limit', { key: 'last' })]);
  await round([change('release', 'limit', { claimId: await idOf(coupon, 'limit') })]);
  await round([claim('final'), change('release', 'final', { isFinal: true })]);
  await round([claim('expired', { key: 'k' })]);
  await sale.expire(coupon, 'expired');
  await round([change('release', 'expired')]);
  await round([claim('newer', { key: 'old' }), change('release', 'newer'), claim('newer')]);
  await round([claim('again'), change('release', 'again'), claim('holder', { key: 'mine' })]);
  // Only now, since a release of a sold-out coupon is announced first.
  await round([claim('last')]);
  return coupon;
}

async function idOf(coupon: string, userId: string): Promise<string> {
  const found = await sale.stores.reader.findClaim(coupon, userId);
  if (found === undefined || found === 'coupon_not_found') throw new Error('no claim');
  return found.claimId;
}

const asked: { command: Command; answer: string; soldOut?: string }[] = [
  { command: claim('limit'), answer: 'claim_limit_reached', soldOut: 'sold_out' },
  { command: claim('final'), answer: 'claim_limit_reached', soldOut: 'sold_out' },
  { command: claim('again'), answer: 'claimed', soldOut: 'sold_out' },
  { command: claim('expired', { key: 'k' }), answer: 'hold_expired' },
  { command: claim('new'), answer: 'claimed', soldOut: 'sold_out' },
  { command: claim('newer', { key: 'old' }), answer: 'claim_released' },
  { command: claim('holder'), answer: 'already_claimed' },
];

// The last of them is sent twice.
const moreOfOneUser = [
  { command: claim('limit', { key: 'last' }), answer: 'claim_released' },
  { command: claim('holder', { key: 'mine' }), answer: 'replayed' },
  { command: claim('newer'), answer: 'already_claimed' },
];

describe('the answers to users of every past in one batch', () => {
  it.each([
    ['all of different users', asked],
    ['some of the same user', [...asked, ...moreOfOneUser]],
  ])('come in the order of the contract, %s', async (_, commands) => {
    const coupon = await couponWithPasts(commands.length);
    const decided = await sale.decide(
      coupon,
      commands.map(({ command }) => ({ ...command, claimId: newId() }) as Command),
    );
    expect(outcomesOf(decided)).toEqual(commands.map(({ answer }) => answer));
    const positions = decided.flatMap((one) =>
      one.outcome === 'claimed' ? [one.claim.position] : [],
    );
    expect(positions).toEqual([10, 11]);
  });

  it('are sold_out before claim_limit_reached, and after the answers of a claim and of its key', async () => {
    const coupon = await couponWithPasts(0);
    const commands = [...asked, ...moreOfOneUser];
    const decided = await sale.decide(
      coupon,
      commands.map(({ command }) => ({ ...command, claimId: newId() }) as Command),
    );
    expect(outcomesOf(decided)).toEqual(
      commands.map((one) => ('soldOut' in one && one.soldOut) || one.answer),
    );
  });
});

describe('a multi-coupon batch', () => {
  const batchOf = (couponName: string, userId: string) => ({
    ...{ batchId: newId(), couponName },
    commands: [{ couponName, userId, claimId: newId(), idempotencyKey: undefined }],
  });
  const decideAll = async (...names: string[]) => {
    const answer = await sale.stores.claims.claimMultiCoupon(
      names.map((name) => batchOf(name, 'ada')),
    );
    if (answer.kind !== 'decided') throw new Error(answer.kind);
    return answer.outcomes;
  };

  it.each<[string, string, (coupon: string) => Promise<unknown>]>([
    [
      'the claim of the user was released',
      'claimed',
      (coupon) => sale.decide(coupon, [claim('ada'), change('release', 'ada')]),
    ],
    [
      'the hold of the user has expired',
      'claimed',
      async (coupon) => {
        await sale.decide(coupon, [claim('ada')]);
        await sale.expire(coupon, 'ada');
      },
    ],
    [
      'the last unit is held by a hold that has expired',
      'claimed',
      async (coupon) => {
        await sale.decide(
          coupon,
          ['eve', 'bob'].map((user) => claim(user)),
        );
        await sale.expire(coupon, 'eve');
      },
    ],
    [
      'the user can claim no more',
      'claim_limit_reached',
      (coupon) => sale.decide(coupon, [claim('ada'), change('release', 'ada', { isFinal: true })]),
    ],
  ])('leaves a claim undecided where %s, and writes nothing of it', async (_, outcome, prepare) => {
    const [before, coupon] = [await newCoupon(), await newCoupon(2)];
    await prepare(coupon);
    const stock = await sale.stockOf(coupon);
    expect(await decideAll(before, coupon)).toMatchObject([{ outcome: 'claimed' }, undefined]);
    expect(await sale.stockOf(coupon)).toEqual(stock);
    expect(outcomesOf(await sale.decide(coupon, [claim('ada')]))).toEqual([outcome]);
  });

  it('gives the next position of a coupon to which units came back', async () => {
    const [one, other] = [await newCoupon(), await newCoupon()];
    await sale.decide(one, [claim('bob'), claim('eve'), change('release', 'bob')]);
    expect(await decideAll(one, other)).toMatchObject([
      { claim: { position: 3, state: 'reserved' } },
      { claim: { position: 1, state: 'reserved' } },
    ]);
    expect(await sale.stockOf(one)).toMatchObject({ remaining: 8, returned: 1 });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches that meet claims that have ended. */
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

async function newCoupon(amount = 10, set?: string): Promise<string> {
  coupons += 1;
  await sale.createCoupon(`coupon-${coupons}`, amount, set);
  return `coupon-${coupons}`;
}

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

const set = (coupon: string, what: string) =>
  sale.database.query(`update coupons set ${what} where name = $1`, [coupon]);

const releasedOf = (coupon: string, userId: string) =>
  sale.database.query(
    `select position, reason from released_claims
     where coupon_id = (select id from coupons where name = $1) and user_id = $2 order by position`,
    [coupon, userId],
  );

const states: [string, string][] = [
  ['open', 'paused = false'],
  ['paused', 'paused = true'],
  ['closed', `closes_at = clock_timestamp() - interval '1 hour'`],
  ['scheduled', `opens_at = clock_timestamp() + interval '1 hour'`],
];

/** Batches with a command, so that each way of deciding a batch is met. */
const batches: [string, (command: Command) => Command[]][] = [
  ['alone', (command) => [command]],
  ['among claims that win', (command) => [claim(newId()), command, claim(newId())]],
  ['behind a change', (command) => [change('confirm', 'a user without a claim'), command]],
];

describe.each(batches)('a claim that is sent again with its id, %s,', (_, batchOf) => {
  /** The decision on the command in its batch. */
  async function decideOne(coupon: string, command: Command): Promise<BatchOutcome | undefined> {
    const batch = batchOf(command);
    return (await sale.decide(coupon, batch))[batch.indexOf(command)];
  }

  it.each(['released', 'expired'])(
    'is answered with its claim that was %s, and not with the newer one',
    async (end) => {
      const coupon = await newCoupon();
      const claimId = newId();
      await sale.decide(coupon, [claim('ada', { claimId, key: 'k' })]);
      if (end === 'expired') await sale.expire(coupon, 'ada');
      else await sale.decide(coupon, [change('release', 'ada', { claimId })]);
      // Before and after the user has a newer claim.
      for (const last of [claimId, newId()]) {
        if (last !== claimId) await sale.decide(coupon, [claim('ada', { claimId: last })]);
        // A hold is not released by its own claim that is sent again.
        else if (end === 'expired') await sale.decide(coupon, [change('redeem', 'ada')]);
        expect(await decideOne(coupon, claim('ada', { claimId, key: 'k' }))).toMatchObject({
          outcome: 'claimed',
          claim: { claimId, position: 1, state: 'released' },
        });
        expect(await sale.stores.reader.findClaim(coupon, 'ada')).toMatchObject({ claimId: last });
      }
    },
  );

  it('is answered with its hold that has expired, which it does not release', async () => {
    const coupon = await newCoupon();
    const claimId = newId();
    await sale.decide(coupon, [claim('ada', { claimId })]);
    await sale.expire(coupon, 'ada');
    expect(await decideOne(coupon, claim('ada', { claimId }))).toMatchObject({
      outcome: 'claimed',
      claim: { claimId, position: 1, state: 'reserved' },
    });
    expect(await releasedOf(coupon, 'ada')).toEqual([]);
  });

  it.each(states)(
    'is answered with its claim that has ended while the sale is %s',
    async (_, how) => {
      const coupon = await newCoupon();
      const claimId = newId();
      await sale.decide(coupon, [claim('ada', { claimId }), change('release', 'ada')]);
      await set(coupon, how);
      expect(await decideOne(coupon, claim('ada', { claimId }))).toMatchObject({
        outcome: 'claimed',
        claim: { claimId, state: 'released' },
      });
    },
  );
});

/** Commands of a user whose own hold has expired, each with its answer. */
const ofExpired: [string, string, string, (claimId: string) => Command][] = [
  ['a claim while the sale is paused', 'paused', 'paused = true', () => claim('ada')],
  [
    'a claim after the sale',
    ...(['closed', `closes_at = clock_timestamp() - interval '1 hour'`] as const),
    () => claim('ada'),
  ],
  [
    'a claim before the sale',
    ...(['not_open', `opens_at = clock_timestamp() + interval '1 hour'`] as const),
    () => claim('ada'),
  ],
  [
    'a claim beyond the limit of the user',
    ...(['claim_limit_reached', 'claims_per_user_max = 1'] as const),
    () => claim('ada'),
  ],
  ['a claim with the key of the hold', 'hold_expired', '', () => claim('ada', { key: 'k' })],
  ['a claim with another key', 'claimed', '', () => claim('ada', { key: 'other' })],
  ['a confirm', 'hold_expired', '', () => change('confirm', 'ada')],
  ['a confirm with its id', 'hold_expired', '', (claimId) => change('confirm', 'ada', { claimId })],
  ['a redeem', 'hold_expired', '', () => change('redeem', 'ada')],
  ['a release', 'changed', '', () => change('release', 'ada')],
  [
    'a release by a caller who may not make it final',
    ...(['forbidden', ''] as const),
    () => change('release', 'ada', { isFinal: true, mayReleaseConfirmed: false }),
  ],
  [
    'a change of a claim that does not exist',
    ...(['claim_mismatch', ''] as const),
    () => change('confirm', 'ada', { claimId: newId() }),
  ],
];

describe('the expired hold of a user', () => {
  it.each(
    ofExpired.flatMap(([command, answer, how, commandOf]) =>
      batches.map(([place, batchOf]) => ({ command, answer, how, commandOf, place, batchOf })),
    ),
  )('is released by $command, $place, whose answer is $answer', async (row) => {
    const coupon = await newCoupon();
    const claimId = newId();
    // A hold in time comes first, so that no walk over the holds reaches the expired one.
    await sale.decide(coupon, [claim('bob'), claim('ada', { claimId, key: 'k' })]);
    await sale.expire(coupon, 'ada');
    if (row.how !== '') await set(coupon, row.how);
    const command = row.commandOf(claimId);
    const batch = row.batchOf(command);
    const batchId = newId();
    const decided = await sale.decide(coupon, batch, batchId);
    expect(decided[batch.indexOf(command)]?.outcome).toBe(row.answer);
    expect(await releasedOf(coupon, 'ada')).toEqual([{ position: 2, reason: 'expired' }]);
    const claimed = outcomesOf(decided).filter((outcome) => outcome === 'claimed').length;
    expect(await sale.ledgerRow(batchId)).toEqual({
      ...{ kind: 'mixed', units: claimed, first_position: claimed > 0 ? 3 : null },
      ...{ remaining_after: 9 - claimed, returned_units: 1, changes: ['E2'] },
    });
    expect(await sale.stockOf(coupon)).toMatchObject({ remaining: 9 - claimed, returned: 1 });
  });

  it('gives its unit to its user, and no unit to the next user, where a hold in time is before it', async () => {
    const coupon = await newCoupon(2);
    await sale.decide(coupon, [claim('bob'), claim('ada')]);
    await sale.expire(coupon, 'ada');
    const decided = await sale.decide(coupon, [claim('ada'), claim('zoe')]);
    expect(outcomesOf(decided)).toEqual(['claimed', 'sold_out']);
    expect(await sale.stores.reader.findClaim(coupon, 'ada')).toMatchObject({ position: 3 });
  });

  it('that needs no announcement is released from a sold-out coupon at once', async () => {
    const coupon = await newCoupon(2);
    await sale.decide(coupon, [claim('bob'), claim('ada')]);
    await sale.expire(coupon, 'ada');
    expect(outcomesOf(await sale.decide(coupon, [change('release', 'ada')]))).toEqual(['changed']);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 1, returned: 1, announced: false });
  });
});

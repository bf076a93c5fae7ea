// SPDX-License-Identifier: GPL-3.0-or-later
/** Holds on a server whose clock has stepped back: the last decision of the coupon is dated after the clock. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { change, claim, type HoldStores, openHoldStores } from '../support/batch-commands.ts';
import { sweepHolds } from '../support/sweep-holds.ts';

let sale: HoldStores;
let coupons = 0;

beforeAll(async () => {
  sale = await openHoldStores();
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query)).toEqual([]);
  await sale.close();
});

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

// Times of decisions, each after the clock. Holds last an hour.
const claimed = '2090-01-01T00:00:00.000000Z';
const inTime = '2090-01-01T00:59:59.999999Z';
const expired = '2090-01-01T01:00:00.000000Z';

/** Dates the last decision of a coupon, before which none is dated. */
const decideNext = (coupon: string, time: string) =>
  sale.database.query('update coupons set decided_at = $2 where name = $1', [coupon, time]);

/** A coupon with two units, claimed by ada and bob with holds until `expired`. */
async function couponWithHolds(): Promise<string> {
  coupons += 1;
  const name = `coupon-${coupons}`;
  await sale.createCoupon(name, 2);
  await decideNext(name, claimed);
  const decided = await sale.decide(name, [claim('ada'), claim('bob')]);
  expect(decided).toMatchObject([
    { claim: { claimedAt: claimed, expiresAt: expired } },
    { claim: { claimedAt: claimed, expiresAt: expired } },
  ]);
  return name;
}

const sweep = async (coupon: string) => {
  const [swept] = await sweepHolds(sale.database, coupon);
  return swept?.released;
};

const holdsOf = (coupon: string) =>
  sale.database.query(
    `select user_id from claims
     where coupon_id = (select id from coupons where name = $1) and expires_at is not null`,
    [coupon],
  );

describe('a hold', () => {
  it('is in time until its end by the time of the last decision, whatever the clock says', async () => {
    const coupon = await couponWithHolds();
    await decideNext(coupon, inTime);
    expect(outcomesOf(await sale.decide(coupon, [claim('eve')]))).toEqual(['sold_out']);
    expect(await sweep(coupon)).toBe(0);
    expect(await sale.decide(coupon, [change('confirm', 'ada')])).toMatchObject([
      { outcome: 'changed', claim: { state: 'confirmed', confirmedAt: inTime } },
    ]);
  });

  it.each(['confirm', 'redeem'] as const)(
    'that has expired by the time of the last decision is hold_expired for a %s',
    async (kind) => {
      const coupon = await couponWithHolds();
      await decideNext(coupon, expired);
      expect(await sale.decide(coupon, [change(kind, 'ada')])).toMatchObject([
        { outcome: 'hold_expired', claim: { releasedAt: expired, reason: 'expired' } },
      ]);
    },
  );

  it('that has expired by the time of the last decision gives its unit to the next claim', async () => {
    const coupon = await couponWithHolds();
    await decideNext(coupon, expired);
    expect(await sale.decide(coupon, [claim('eve')])).toMatchObject([
      { claim: { position: 3, claimedAt: expired, expiresAt: '2090-01-01T02:00:00.000000Z' } },
    ]);
    expect(await holdsOf(coupon)).toHaveLength(2);
  });

  it('that has expired by the time of the last decision is released by the sweep', async () => {
    const coupon = await couponWithHolds();
    await decideNext(coupon, expired);
    expect(await sweep(coupon)).toBe(2);
    expect(await holdsOf(coupon)).toEqual([]);
    const released = await sale.database.query<{ is_same: boolean }>(
      `select distinct r.released_at = c.decided_at and c.decided_at = $2 as is_same
       from released_claims r join coupons c on c.id = r.coupon_id where c.name = $1`,
      [coupon, expired],
    );
    expect(released).toEqual([{ is_same: true }]);
  });

  it('whose end a refusal has seen is never in time again', async () => {
    const coupon = await couponWithHolds();
    await decideNext(coupon, expired);
    const key = { idempotencyKey: 'till' };
    expect(outcomesOf(await sale.decide(coupon, [change('redeem', 'ada', key)]))).toEqual([
      'hold_expired',
    ]);
    // As if the time of that decision had not been kept.
    await decideNext(coupon, inTime);
    for (const kind of ['confirm', 'redeem'] as const) {
      expect(outcomesOf(await sale.decide(coupon, [change(kind, 'ada', key)]))).toEqual([
        'hold_expired',
      ]);
    }
    await decideNext(coupon, expired);
  });

  it('begins at the time of the last decision in a multi-coupon batch too', async () => {
    coupons += 1;
    const couponName = `coupon-${coupons}`;
    await sale.createCoupon(couponName, 2);
    await decideNext(couponName, claimed);
    const command = { couponName, userId: 'ada', claimId: newId(), idempotencyKey: undefined };
    const answer = await sale.stores.claims.claimMultiCoupon([
      { ...{ batchId: newId(), couponName }, commands: [command] },
    ]);
    expect(answer).toMatchObject({
      outcomes: [{ claim: { claimedAt: claimed, expiresAt: expired, state: 'reserved' } }],
    });
  });
});

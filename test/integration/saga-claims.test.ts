// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims with sagas among all that happens to claims: batches, time, stock, undos, and lost answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresExpirySweep } from '../../src/adapters/postgres/duties/expiry-sweep-store.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { Claim } from '../../src/core/claims/claim.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { sagaIdOf } from '../../src/core/sagas/saga-id.ts';
import { auditRecords } from '../support/audit.ts';
import {
  type Command,
  change,
  claim,
  type HoldStores,
  openHoldStores,
} from '../support/batch-commands.ts';
import { openDatabase } from '../support/open-database.ts';
import { type SagaPlace, sagaClaims } from '../support/saga-claims.ts';
import { sweepHolds } from '../support/sweep-holds.ts';

let sale: HoldStores;
let saga: ReturnType<typeof sagaClaims>;
let coupons = 0;

beforeAll(async () => {
  sale = await openHoldStores();
  saga = sagaClaims(sale);
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query)).toEqual([]);
  await sale.close();
});

async function newCoupon(amount = 10, set?: string): Promise<string> {
  coupons += 1;
  await saga.createCoupon(`coupon-${coupons}`, amount, set);
  return `coupon-${coupons}`;
}

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

function claimIn(decided: BatchOutcome | undefined): Claim {
  if (decided === undefined || !('claim' in decided) || decided.claim === undefined) {
    throw new Error(`no claim: ${decided?.outcome}`);
  }
  return decided.claim;
}

/** Ways in which a batch of claims is decided. Each has a claim of `ada`, and the state of the sale that it needs. */
const ways: [string, (coupon: string) => Promise<Command[]>][] = [
  ['of different users', async () => [claim('bob'), claim('ada')]],
  ['of a user twice', async () => [claim('ada'), claim('bob'), claim('bob')]],
  ['with a change', async () => [change('confirm', 'eve'), claim('ada')]],
  [
    'after a unit has come back',
    async (coupon) => {
      await saga.claimAt('compensated', coupon, 'zoe');
      return [claim('bob'), claim('ada')];
    },
  ],
  [
    'of users of which one has a claim',
    async (coupon) => {
      await sale.decide(coupon, [claim('bob')]);
      return [claim('bob'), claim('ada')];
    },
  ],
];

describe('a claim of a coupon with a saga', () => {
  const running = (claimId: string) => ({
    ...{ state: 'reserved', sagaId: sagaIdOf(claimId), sagaState: 'running' },
  });

  it.each(ways)('in a batch %s is reserved without an end, with its saga', async (_, batchOf) => {
    const coupon = await newCoupon();
    const batch = await batchOf(coupon);
    const place = batch.findIndex(({ userId }) => userId === 'ada');
    const made = claimIn((await sale.decide(coupon, batch))[place]);
    expect(made).toMatchObject(running(made.claimId));
    expect(made).not.toHaveProperty('expiresAt');
    const [row] = await sale.database.query<{ expires_at: string }>(
      `select expires_at::text from claims where claim_id = $1`,
      [made.claimId],
    );
    expect(row).toEqual({ expires_at: 'infinity' });
  });

  it('in a multi-coupon batch is reserved without an end, with its saga, and other claims are as before', async () => {
    const names = [await newCoupon(), await newCoupon()];
    const plain = `plain-${coupons}`;
    await sale.createCoupon(plain, 10);
    const batches = [...names, plain].map((couponName) => ({
      ...{ batchId: newId(), couponName },
      commands: [{ couponName, userId: 'ada', claimId: newId(), idempotencyKey: undefined }],
    }));
    const answer = await sale.stores.claims.claimMultiCoupon(batches);
    if (answer.kind !== 'decided') throw new Error(answer.kind);
    const claims = answer.outcomes.map((outcome) => claimIn(outcome));
    for (const made of claims.slice(0, 2)) {
      expect(made).toMatchObject(running(made.claimId));
      expect(made).not.toHaveProperty('expiresAt');
    }
    expect(claims[2]).toMatchObject({ state: 'reserved', expiresAt: expect.any(String) });
    expect(claims[2]).not.toHaveProperty('sagaId');
  });

  it.each<[SagaPlace, string, string]>([
    ['not begun', 'reserved', 'running'],
    ['running', 'reserved', 'running'],
    ['compensating', 'reserved', 'compensating'],
    ['in need of attention', 'reserved', 'needs_attention'],
    ['done', 'confirmed', 'done'],
    ['done and redeemed', 'redeemed', 'done'],
    ['undone after its end', 'confirmed', 'compensating'],
  ])(
    'is shown with its saga where that is %s, to a client that claims again',
    async (place, state, sagaState) => {
      const coupon = await newCoupon();
      const claimId = await saga.claimAt(place, coupon, 'ada', 'k');
      const again = [claim('ada', { key: 'k' }), claim('ada'), claim('ada', { claimId })];
      const expected = ['replayed', 'already_claimed', 'claimed'];
      for (const [index, command] of again.entries()) {
        for (const batch of [
          [command],
          [claim('bob'), command],
          [command, change('redeem', 'x')],
        ]) {
          const decided = (await sale.decide(coupon, batch))[batch.indexOf(command)];
          expect(decided).toMatchObject({ outcome: expected[index] });
          expect(claimIn(decided)).toMatchObject({
            claimId,
            state,
            sagaId: sagaIdOf(claimId),
            sagaState,
          });
          expect(claimIn(decided)).not.toHaveProperty('expiresAt');
        }
      }
    },
  );

  it('that its saga has released is shown so, and its user may claim again', async () => {
    const coupon = await newCoupon();
    const claimId = await saga.claimAt('compensated', coupon, 'ada', 'k');
    const ended = {
      ...{ claimId, state: 'released', reason: 'saga' },
      ...{ sagaId: sagaIdOf(claimId), sagaState: 'compensated' },
    };
    expect(await sale.decide(coupon, [claim('ada', { key: 'k' })])).toMatchObject([
      { outcome: 'claim_released', claim: ended },
    ]);
    expect(await sale.decide(coupon, [claim('ada', { claimId })])).toMatchObject([
      { outcome: 'claimed', claim: ended },
    ]);
    const [again] = await sale.decide(coupon, [claim('ada')]);
    expect(again).toMatchObject({
      outcome: 'claimed',
      claim: { position: 2, sagaState: 'running' },
    });
    expect(await sale.decide(coupon, [change('release', 'ada')])).toMatchObject([
      {
        outcome: 'claim_mismatch',
        claim: { position: 2, sagaState: 'running' },
        lastClaim: ended,
      },
    ]);
  });
});

describe('no time ends a claim with a saga:', () => {
  /** Sells a coupon out to users whose deadline is long past. */
  async function longAgo(): Promise<string> {
    const coupon = await newCoupon(2);
    await sale.decide(coupon, [claim('ada'), claim('bob')]);
    await sale.database.query(
      `with moved as (
         update claims set claimed_at = claimed_at - interval '2 hours'
         where coupon_id = (select id from coupons where name = $1)
       )
       update stock_ledger set recorded_at = recorded_at - interval '2 hours'
       where coupon_id = (select id from coupons where name = $1)`,
      [coupon],
    );
    return coupon;
  }

  it.each<[string, Command[], string[]]>([
    ['a claim of another user', [claim('eve')], ['sold_out']],
    ['claims of other users', [claim('eve'), claim('zoe')], ['sold_out', 'sold_out']],
    ['a claim of its user', [claim('ada')], ['already_claimed']],
    [
      'a claim beside a change',
      [change('redeem', 'x'), claim('eve')],
      ['claim_not_found', 'sold_out'],
    ],
    ['a confirm', [change('confirm', 'ada')], ['saga_running']],
  ])('not %s', async (_, batch, expected) => {
    const coupon = await longAgo();
    expect(outcomesOf(await sale.decide(coupon, batch))).toEqual(expected);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 0, announced: false });
  });

  it('not the sweep, which finds and counts no hold', async () => {
    const coupon = await longAgo();
    await saga.begin(coupon);
    const other = await newCoupon();
    await saga.claimAt('done', other, 'ada');
    const database = openDatabase({ url: sale.database.url });
    const sweep = postgresExpirySweep(database, newId);
    const [row] = await sale.database.query<{ holds: number }>(
      `select count(*)::integer as holds from claims k join coupons c on c.id = k.coupon_id
       where c.saga is null and k.expires_at is not null`,
    );
    // No hold of other coupons is due here, and no claim of this one is to be passed.
    expect((await sweep.findDue('0')).due).toEqual([]);
    expect(await sweep.countHolds({ couponId: '0', position: 0 })).toMatchObject({
      holds: row?.holds,
    });
    expect(await sweepHolds(sale.database, coupon)).toEqual([]);
    expect(await sale.stockOf(coupon)).toMatchObject({ remaining: 0, returned: 0 });
    await database.close();
  });

  it('not a snapshot of the sold-out cache, which knows no next expiry', async () => {
    const coupon = await longAgo();
    const stock = await sale.stores.soldOut.readStock([coupon]);
    expect(stock.get(coupon)).toMatchObject({ remainingAmount: 0, holdsExpireInMs: null });
  });
});

describe('the unit of a sold-out coupon', () => {
  it('comes back once its saga has announced that, and is sold again', async () => {
    const coupon = await newCoupon(1);
    const claimId = await saga.claimAt('all undone', coupon, 'ada');
    const batchId = newId();
    const [announced] = await sale.decide(coupon, [saga.own('release', 'ada', claimId)], batchId);
    if (announced?.outcome !== 'announced') throw new Error(announced?.outcome);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 0, announced: true });
    expect(await saga.rowOf(coupon, 'ada')).toMatchObject({ state: 'C', step: 0 });
    expect(await sale.ledgerRow(batchId)).toBeUndefined();
    const { announcement } = announced;
    const release = { ...saga.own('release', 'ada', claimId), announcement };
    const decided = await sale.decide(coupon, [
      claim('early'),
      release,
      claim('eve'),
      claim('zoe'),
    ]);
    expect(outcomesOf(decided)).toEqual(['sold_out', 'changed', 'claimed', 'sold_out']);
    expect(claimIn(decided[2])).toMatchObject({ position: 2, sagaState: 'running' });
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 1, announced: false });
  });

  it('stays with a claim whose saga goes another way meanwhile, and the announcement ends', async () => {
    const coupon = await newCoupon(1);
    const claimId = await saga.claimAt('all undone', coupon, 'ada');
    const [announced] = await sale.decide(coupon, [saga.own('release', 'ada', claimId)]);
    if (announced?.outcome !== 'announced') throw new Error(announced?.outcome);
    await sale.database.query('update sagas set epoch = 2 where claim_id = $1', [claimId]);
    const release = {
      ...saga.own('release', 'ada', claimId),
      announcement: announced.announcement,
    };
    expect(outcomesOf(await sale.decide(coupon, [release]))).toEqual(['saga_moved']);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 0, announced: false });
  });

  it('needs no announcement where an operator only asks for the undo', async () => {
    const coupon = await newCoupon(1);
    await saga.claimAt('done', coupon, 'ada');
    expect(outcomesOf(await sale.decide(coupon, [change('release', 'ada')]))).toEqual([
      'undo_requested',
    ]);
    expect(await sale.stockOf(coupon)).toEqual({ remaining: 0, returned: 0, announced: false });
  });
});

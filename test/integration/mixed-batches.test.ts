// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches of claims and changes: what they write to the ledger, and how they are resolved when their answer was lost. */
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

/** A coupon with 20 units and these holds, at positions from 1 on; `con` and `red` are confirmed. */
async function couponWithHolds(amount = 20): Promise<string> {
  coupons += 1;
  const name = `coupon-${coupons}`;
  await sale.createCoupon(name, amount);
  await sale.decide(
    name,
    ['exp', 'con', 'red', 'ada', 'bob', 'eve'].map((user) => claim(user)),
  );
  await sale.decide(
    name,
    ['con', 'red'].map((user) => change('confirm', user)),
  );
  await sale.expire(name, 'exp');
  return name;
}

const outcomesOf = (decided: readonly BatchOutcome[]) => decided.map(({ outcome }) => outcome);

type Row = { batch: string; commands: () => Command[]; changes: string[]; units: number };

const kinds: Row[] = [
  {
    batch: 'confirms',
    commands: () => [change('confirm', 'ada'), change('confirm', 'bob')],
    ...{ changes: ['C4', 'C5'], units: 0 },
  },
  {
    batch: 'releases of holds',
    commands: () => [change('release', 'ada'), change('release', 'bob', { reason: 'no money' })],
    ...{ changes: ['R4', 'R5'], units: 0 },
  },
  {
    batch: 'releases of a confirmed claim and for good',
    commands: () => [change('release', 'con'), change('release', 'ada', { isFinal: true })],
    ...{ changes: ['R2', 'R4'], units: 0 },
  },
  {
    batch: 'redeems',
    commands: () => [change('redeem', 'con'), change('redeem', 'red', { idempotencyKey: 'till' })],
    ...{ changes: ['U2', 'U3'], units: 0 },
  },
  {
    batch: 'a release of a hold that has expired',
    commands: () => [change('release', 'exp')],
    ...{ changes: ['E1'], units: 0 },
  },
  {
    batch: 'every kind, each by another user',
    commands: () => [
      ...[claim('new 1'), change('confirm', 'ada'), change('release', 'bob'), claim('new 2')],
      ...[change('redeem', 'con'), change('release', 'exp')],
    ],
    ...{ changes: ['C4', 'E1', 'R5', 'U2'], units: 2 },
  },
  {
    batch: 'all changes of one claim that is made in it',
    commands: () => [claim('new'), change('confirm', 'new'), change('redeem', 'new')],
    ...{ changes: ['C7', 'U7'], units: 1 },
  },
  {
    batch: 'a claim that is made, confirmed and released in it, and a second one',
    commands: () => [
      ...[claim('new'), change('confirm', 'new'), change('release', 'new')],
      claim('new'),
    ],
    ...{ changes: ['C7', 'R7'], units: 2 },
  },
];

describe.each(kinds)('a batch of $batch', ({ commands, changes, units }) => {
  it('has one ledger row with its claims and its changes', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    const sent = commands();
    const decided = await sale.decide(coupon, sent, batchId);
    expect(outcomesOf(decided)).toEqual(
      sent.map((command) => ('change' in command ? 'changed' : 'claimed')),
    );
    const returned = changes.filter((one) => /^[RE]/.test(one)).length;
    expect(await sale.ledgerRow(batchId)).toEqual({
      ...{ kind: 'mixed', units, first_position: units > 0 ? 7 : null, changes },
      ...{ remaining_after: 14 - units + returned, returned_units: returned },
    });
    expect(await sale.stockOf(coupon)).toMatchObject({
      remaining: 14 - units + returned,
      returned,
    });
    const positions = decided.flatMap((one) =>
      one.outcome === 'claimed' ? [one.claim.position] : [],
    );
    expect(positions).toEqual(Array.from({ length: units }, (_, index) => 7 + index));
  });

  it('is resolved with each change as its answer showed it, once', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    const sent = commands();
    const decided = await sale.decide(coupon, sent, batchId);
    const answered = sent.flatMap((command, index) => {
      const outcome = decided[index];
      return 'change' in command && outcome?.outcome === 'changed'
        ? [{ change: command.change, claim: outcome.claim }]
        : [];
    });
    for (const _ of [1, 2]) {
      const resolved = await sale.stores.claims.resolveBatch(coupon, batchId);
      if (resolved.kind !== 'committed') throw new Error(resolved.kind);
      expect(resolved.changes).toHaveLength(answered.length);
      expect(resolved.changes).toEqual(expect.arrayContaining(answered));
    }
  });

  it('stores nothing when it comes after its void mark', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    const tables = () =>
      Promise.all([
        ...['claims', 'released_claims', 'redemptions', 'operator_log', 'stock_ledger'].map(
          (table) => sale.database.query(`select * from ${table} order by 1, 2, 3`),
        ),
        sale.database.query('select * from coupons order by id'),
      ]);
    expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toEqual({ kind: 'void' });
    const before = await tables();
    expect(await sale.answerOf(coupon, commands(), batchId)).toMatchObject({
      ...{ kind: 'refused', reason: 'broken' },
    });
    expect(await tables()).toEqual(before);
    // The same commands with another batch id are decided.
    expect(outcomesOf(await sale.decide(coupon, commands()))).not.toContain('claim_not_found');
  });
});

describe('a lost batch', () => {
  it('is resolved with a confirmed claim as the batch left it, although the claim was redeemed since', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    await sale.decide(coupon, [change('confirm', 'ada')], batchId);
    await sale.decide(coupon, [change('redeem', 'ada')]);
    const resolved = await sale.stores.claims.resolveBatch(coupon, batchId);
    expect(resolved).toMatchObject({
      changes: [{ change: 'confirm', claim: { userId: 'ada', state: 'confirmed' } }],
    });
  });

  it('is resolved with the claim that it released, although the user holds a newer one', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    await sale.decide(coupon, [change('release', 'ada', { reason: 'mistake' })], batchId);
    await sale.decide(coupon, [claim('ada')]);
    const resolved = await sale.stores.claims.resolveBatch(coupon, batchId);
    expect(resolved).toMatchObject({
      changes: [{ claim: { position: 4, state: 'released', reason: 'mistake' } }],
    });
    expect(await sale.stores.reader.findClaim(coupon, 'ada')).toMatchObject({ position: 7 });
  });

  it('that took expired holds for its claims is resolved with these holds, and not with its claims', async () => {
    const coupon = await couponWithHolds(6);
    const batchId = newId();
    expect(outcomesOf(await sale.decide(coupon, [claim('new')], batchId))).toEqual(['claimed']);
    expect(await sale.ledgerRow(batchId)).toEqual({
      ...{ kind: 'mixed', units: 1, first_position: 7, changes: ['E1'] },
      ...{ remaining_after: 0, returned_units: 1 },
    });
    expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toMatchObject({
      kind: 'committed',
      changes: [{ change: 'release', claim: { userId: 'exp', reason: 'expired' } }],
    });
  });

  it('that has changed nothing is void, and its repeat with the same id is refused from then on', async () => {
    const coupon = await couponWithHolds();
    const batchId = newId();
    const nothing = [change('confirm', 'con'), change('redeem', 'ada'), change('confirm', 'nil')];
    expect(outcomesOf(await sale.decide(coupon, nothing, batchId))).toEqual([
      ...['unchanged', 'not_confirmed', 'claim_not_found'],
    ]);
    expect(await sale.ledgerRow(batchId)).toBeUndefined();
    expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toEqual({ kind: 'void' });
    expect(await sale.answerOf(coupon, [change('confirm', 'ada')], batchId)).toMatchObject({
      kind: 'refused',
    });
    // What writes nothing can be answered.
    expect(outcomesOf(await sale.decide(coupon, nothing, batchId))).toHaveLength(3);
  });
});

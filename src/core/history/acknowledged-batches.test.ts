// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Claim } from '../claims/claim.ts';
import type { BatchOutcome, ClaimStore } from '../claims/ports.ts';
import { AcknowledgedBatches, recordAcknowledged } from './acknowledged-batches.ts';

const claimOf = (userId: string, position: number): Claim => ({
  ...{ claimId: `id-${position}`, couponName: 'SALE', userId, position },
  ...{ claimedAt: '2030-01-31T18:00:00.000000Z', state: 'confirmed' },
});
const claimed = (userId: string, position: number): BatchOutcome => ({
  ...{ outcome: 'claimed', claim: claimOf(userId, position) },
});
const changed = (userId: string, position: number): BatchOutcome => ({
  ...{ outcome: 'changed', claim: claimOf(userId, position) },
});
const soldOut: BatchOutcome = { outcome: 'sold_out' };

function setup() {
  let nowMs = 1_000;
  const batches = new AcknowledgedBatches(() => nowMs++);
  const add = (batchId: string, ...outcomes: BatchOutcome[]) =>
    batches.add({ batchId, couponName: 'SALE' }, outcomes);
  return { batches, add };
}

describe('the acknowledged batches', () => {
  it('keep what each batch has acknowledged, and the newest of its claims', () => {
    const { batches, add } = setup();
    add('a', claimed('ada', 7), soldOut, claimed('eve', 9), claimed('bob', 8));
    add('b', soldOut);
    add('c', changed('ada', 7), { outcome: 'already_claimed', claim: claimOf('eve', 9) });
    expect(batches.list()).toEqual([
      {
        ...{ batchId: 'a', couponName: 'SALE', claims: 3, changes: 0 },
        ...{ userId: 'eve', position: 9, claimId: 'id-9', acknowledgedAtMs: 1_000 },
      },
      {
        ...{ batchId: 'c', couponName: 'SALE', claims: 0, changes: 1 },
        ...{ userId: 'ada', position: 7, claimId: undefined, acknowledgedAtMs: 1_001 },
      },
    ]);
  });

  it('take no claim as proof of a change in the same batch', () => {
    const { batches, add } = setup();
    add('a', claimed('ada', 7), changed('bob', 3));
    expect(batches.list()).toMatchObject([{ claims: 1, changes: 1, claimId: undefined }]);
  });

  it('are the last hundred, the oldest first, and do not change once they are listed', () => {
    const { batches, add } = setup();
    for (let position = 1; position <= 150; position += 1) {
      add(`batch-${position}`, claimed('ada', position));
    }
    const listed = batches.list();
    expect(listed.map(({ position }) => position)).toEqual(
      Array.from({ length: 100 }, (_, index) => 51 + index),
    );
    add('last', claimed('ada', 151));
    expect(listed[0]?.position).toBe(51);
    expect(batches.list().at(-1)?.batchId).toBe('last');
    expect(batches.count).toBe(151);
  });
});

it('a store adds batches, multi-coupon batches, and batches in doubt that had committed', async () => {
  const { batches } = setup();
  const store = {
    decideBatch: async () => ({ kind: 'decided', outcomes: [claimed('ada', 1)], commitSeconds: 0 }),
    claimMultiCoupon: async () => ({
      ...{ kind: 'decided', outcomes: [undefined, claimed('bob', 1)], commitSeconds: 0 },
    }),
    resolveBatch: async (_: string, batchId: string) =>
      batchId === 'void'
        ? { kind: 'void' }
        : { kind: 'committed', changes: [{ change: 'confirm', claim: claimOf('eve', 3) }] },
  } as unknown as ClaimStore;
  const recording = recordAcknowledged(store, batches);
  const batchOf = (batchId: string) => ({ batchId, couponName: 'SALE', commands: [] });
  await recording.decideBatch(batchOf('one'));
  await recording.claimMultiCoupon([batchOf('none'), batchOf('two')]);
  await recording.resolveBatch('SALE', 'void');
  await recording.resolveBatch('SALE', 'three');
  expect(batches.list().map(({ batchId }) => batchId)).toEqual(['one', 'two', 'three']);
});

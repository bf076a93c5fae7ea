// SPDX-License-Identifier: GPL-3.0-or-later
/** An operator's release of a claim with a saga asks the saga for its undo. And batches of sagas in doubt. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { sagaIdOf } from '../../src/core/sagas/saga-id.ts';
import { auditRecords } from '../support/audit.ts';
import { change, claim, type HoldStores, openHoldStores } from '../support/batch-commands.ts';
import { type SagaPlace, type SagaRow, sagaClaims } from '../support/saga-claims.ts';

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

async function claimAt(place: SagaPlace) {
  coupons += 1;
  const coupon = `coupon-${coupons}`;
  await saga.createCoupon(coupon);
  return { coupon, claimId: await saga.claimAt(place, coupon, 'ada') };
}

const releasedOf = (claimId: string) =>
  sale.database.query<{ reason: string; is_final: boolean; is_confirmed: boolean }>(
    `select reason, is_final, confirmed_at is not null as is_confirmed from released_claims where claim_id = $1`,
    [claimId],
  );

const logOf = (coupon: string) =>
  sale.database.query(
    `select actor, action, reason, before, after from operator_log
     where coupon_name = $1 and action = 'release_claim' order by at`,
    [coupon],
  );

const askedFor: Pick<SagaRow, 'has_ended' | 'is_undo_asked' | 'is_due'> = {
  ...{ has_ended: false, is_undo_asked: true, is_due: true },
};

describe('a release by an operator', () => {
  it.each<[SagaPlace, Partial<SagaRow>]>([
    // One that runs goes on until its process sees this.
    ['not begun', { state: 'R', is_undoing: false, step: 1, epoch: '0' }],
    ['running', { state: 'R', is_undoing: false, step: 1, epoch: '1' }],
    ['compensating', { state: 'C', is_undoing: true, step: 1, attempts: 2, epoch: '1' }],
    ['all undone', { state: 'C', is_undoing: true, step: 0, epoch: '1' }],
    // What a process sends late is not stored.
    ['in need of attention', { state: 'C', is_undoing: true, step: 2, attempts: 0, epoch: '2' }],
    ['done', { state: 'C', is_undoing: true, step: 1, attempts: 0, epoch: '2' }],
  ])('asks a saga that is %s for its undo, at once', async (place, row) => {
    const { coupon, claimId } = await claimAt(place);
    const before = await sale.stockOf(coupon);
    await sale.decide(coupon, [change('release', 'ada', { claimId, reason: 'refund' })]);
    expect(await saga.rowOf(coupon, 'ada')).toMatchObject({
      ...{ ...askedFor, ...row },
      ...{ undo_reason: 'refund', undo_is_final: false },
    });
    expect(await sale.stockOf(coupon)).toEqual(before);
    expect(await releasedOf(claimId)).toEqual([]);
  });

  it('is the cause that a saga shows which was done', async () => {
    const { coupon, claimId } = await claimAt('done');
    await sale.decide(coupon, [change('release', 'ada', { claimId })]);
    expect(
      await sale.database.query('select cause from sagas where claim_id = $1', [claimId]),
    ).toEqual([{ cause: 'an operator has asked for the undo' }]);
  });

  it('decides how the claim is released once nothing is left to undo', async () => {
    const { coupon, claimId } = await claimAt('done');
    const isFinal = true;
    await sale.decide(coupon, [change('release', 'ada', { claimId, reason: 'refund', isFinal })]);
    await sale.database.query('update sagas set step = 0, epoch = 7 where claim_id = $1', [
      claimId,
    ]);
    expect(await sale.decide(coupon, [saga.own('release', 'ada', claimId, '7')])).toMatchObject([
      {
        outcome: 'changed',
        claim: { state: 'released', reason: 'refund', sagaState: 'compensated' },
      },
    ]);
    expect(await releasedOf(claimId)).toEqual([
      { reason: 'refund', is_final: true, is_confirmed: true },
    ]);
    expect(await sale.decide(coupon, [claim('ada')])).toMatchObject([
      { outcome: 'claim_limit_reached' },
    ]);
  });

  it('without a reason leaves the reason that the saga gives', async () => {
    const { coupon, claimId } = await claimAt('all undone');
    await sale.decide(coupon, [change('release', 'ada', { claimId })]);
    await sale.decide(coupon, [saga.own('release', 'ada', claimId)]);
    expect(await releasedOf(claimId)).toEqual([
      { reason: 'saga', is_final: false, is_confirmed: false },
    ]);
  });

  it('is logged once, and again only where it asks for more', async () => {
    const { coupon, claimId } = await claimAt('done');
    const ask = (fields: { reason?: string; isFinal?: boolean }) =>
      sale.decide(coupon, [change('release', 'ada', { claimId, ...fields })]);
    await ask({ reason: 'refund' });
    await ask({ reason: 'refund' });
    await ask({});
    expect(await logOf(coupon)).toMatchObject([
      {
        ...{ actor: 'cli', action: 'release_claim', reason: 'refund' },
        before: { claim_id: claimId, state: 'confirmed', saga_state: 'done' },
        after: { claim_id: claimId, state: 'confirmed', saga_state: 'compensating', final: false },
      },
    ]);
    await ask({ isFinal: true });
    await ask({ reason: 'fraud' });
    expect(await logOf(coupon)).toMatchObject([
      { reason: 'refund' },
      { after: { final: true } },
      { reason: 'fraud' },
    ]);
    expect(await saga.rowOf(coupon, 'ada')).toMatchObject({
      undo_reason: 'fraud',
      undo_is_final: true,
    });
  });

  it('of a reserved claim shows no end of a hold in the log', async () => {
    const { coupon, claimId } = await claimAt('running');
    await sale.decide(coupon, [change('release', 'ada', { claimId })]);
    const [entry] = await logOf(coupon);
    expect(entry).toMatchObject({ before: { state: 'reserved', saga_state: 'running' } });
    expect(entry).not.toHaveProperty('before.expires_at');
  });

  it('of a claim whose saga an operator has ended as done leaves a second resolution open', async () => {
    const { coupon, claimId } = await claimAt('done');
    await sale.database.query(`update sagas set resolved_as = 'D' where claim_id = $1`, [claimId]);
    await sale.decide(coupon, [change('release', 'ada', { claimId })]);
    expect(
      await sale.database.query('select resolved_as from sagas where claim_id = $1', [claimId]),
    ).toEqual([{ resolved_as: null }]);
  });

  it('comes before the confirm of its saga or after it, and never lets both happen', async () => {
    const ask = (claimId: string) => change('release', 'ada', { claimId });
    const first = await claimAt('running');
    expect(
      await sale.decide(first.coupon, [
        ask(first.claimId),
        saga.own('confirm', 'ada', first.claimId),
      ]),
    ).toMatchObject([{ outcome: 'undo_requested' }, { outcome: 'saga_moved' }]);
    expect(await saga.rowOf(first.coupon, 'ada')).toMatchObject({
      state: 'R',
      is_undo_asked: true,
    });
    const last = await claimAt('running');
    expect(
      await sale.decide(last.coupon, [saga.own('confirm', 'ada', last.claimId), ask(last.claimId)]),
    ).toMatchObject([
      { outcome: 'changed' },
      { outcome: 'undo_requested', claim: { state: 'confirmed', sagaState: 'compensating' } },
    ]);
    expect(await saga.rowOf(last.coupon, 'ada')).toMatchObject({ state: 'C', epoch: '2' });
  });
});

describe('a batch in doubt', () => {
  it.each(['confirm', 'release'] as const)(
    'that has committed the %s of a saga is resolved to its claim, with its saga',
    async (kind) => {
      const { coupon, claimId } = await claimAt(kind === 'confirm' ? 'running' : 'all undone');
      const batchId = newId();
      const [decided] = await sale.decide(coupon, [saga.own(kind, 'ada', claimId)], batchId);
      if (decided?.outcome !== 'changed') throw new Error(decided?.outcome);
      expect(decided.claim.sagaId).toBe(sagaIdOf(claimId));
      expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toEqual({
        kind: 'committed',
        changes: [{ change: kind, claim: decided.claim }],
      });
    },
  );

  it('that has only asked for an undo is resolved as committed, without a change', async () => {
    const { coupon } = await claimAt('done');
    const batchId = newId();
    await sale.decide(coupon, [change('release', 'ada')], batchId);
    expect(await sale.ledgerRow(batchId)).toMatchObject({ kind: 'mixed', units: 0, changes: [] });
    expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toEqual({
      ...{ kind: 'committed', changes: [] },
    });
  });

  it.each<[string, SagaPlace, (claimId: string) => ReturnType<typeof change>]>([
    ['an undo', 'done', (claimId) => change('release', 'ada', { claimId })],
    ['the confirm of a saga', 'running', (claimId) => saga.own('confirm', 'ada', claimId)],
    ['the release of a saga', 'all undone', (claimId) => saga.own('release', 'ada', claimId)],
  ])('that is marked void never commits %s later', async (_, place, commandOf) => {
    const { coupon, claimId } = await claimAt(place);
    const batchId = newId();
    expect(await sale.stores.claims.resolveBatch(coupon, batchId)).toEqual({ kind: 'void' });
    const before = await saga.recordsOf(coupon);
    expect((await sale.answerOf(coupon, [commandOf(claimId)], batchId)).kind).toBe('refused');
    expect(await saga.recordsOf(coupon)).toEqual(before);
  });
});

it('the sagas of many claims are begun once each, in the shard of their claim', async () => {
  const coupon = 'many';
  await saga.createCoupon(coupon, 100);
  await sale.decide(
    coupon,
    Array.from({ length: 60 }, (_, index) => claim(`user-${index}`)),
  );
  const begin = (first: number, units: number) =>
    sale.database.query(`select begin_sagas(id, $2, $3) from coupons where name = $1`, [
      ...[coupon, first, units],
    ]);
  await begin(11, 10);
  await sale.database.query(`update sagas set epoch = 5 where position = 15`);
  for (const _ of [1, 2]) await begin(1, 60);
  const rows = await sale.database.query<{ saga_id: string; claim_id: string; shard: number }>(
    `select s.saga_id, s.claim_id, s.shard from sagas s join coupons c on c.id = s.coupon_id where c.name = $1`,
    [coupon],
  );
  expect(rows).toHaveLength(60);
  for (const row of rows) {
    expect(row.saga_id).toBe(sagaIdOf(row.claim_id));
    expect(row.shard).toBe(Number.parseInt(row.claim_id.slice(-1), 16));
  }
  expect(await saga.rowOf(coupon, 'user-14')).toMatchObject({ epoch: '5' });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims that end, in an engine that another program embeds. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirstcome, type Firstcome, migrate } from '../../src/library.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let pool: pg.Pool;
let firstcome: Firstcome;
let coupons = 0;
const time = expect.stringMatching(/^\d{4}-.*T.*\.\d{6}Z$/);

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => undefined);
  await migrate({ pool, schema });
  firstcome = await createFirstcome({ pool, schema });
});

afterAll(async () => {
  await firstcome?.stop();
  await pool.end();
  await database.drop();
});

/** A claim of ada, who holds a unit of a coupon with holds. */
async function aHold(idempotencyKey?: string) {
  coupons += 1;
  const couponName = `CART ${coupons}`;
  await firstcome.createCoupon({ name: couponName, amount: 5, holdSeconds: 600 });
  const result = await firstcome.claim({ couponName, userId: 'ada', idempotencyKey });
  if (result.outcome !== 'claimed') throw new Error(result.outcome);
  expect(result.claim).toMatchObject({ state: 'reserved', expiresAt: time });
  return result.claim;
}

describe('an embedded engine', () => {
  it('holds, confirms and redeems a claim, with typed outcomes', async () => {
    const { couponName, userId, claimId } = await aHold();
    const claim = { couponName, userId, claimId };
    expect(await firstcome.redeem(claim)).toMatchObject({
      ...{ outcome: 'not_confirmed', claim: { claimId, state: 'reserved' } },
    });
    const confirmed = { claimId, state: 'confirmed', confirmedAt: time };
    expect(await firstcome.confirm(claim)).toMatchObject({ outcome: 'changed', claim: confirmed });
    expect(await firstcome.confirm({ couponName, userId })).toMatchObject({
      ...{ outcome: 'unchanged', claim: confirmed },
    });
    const redeem = { ...claim, idempotencyKey: 'till 7' };
    const redeemed = { claimId, state: 'redeemed', redeemedAt: time };
    expect(await firstcome.redeem(redeem)).toMatchObject({ outcome: 'changed', claim: redeemed });
    expect(await firstcome.redeem(redeem)).toMatchObject({ outcome: 'replayed', claim: redeemed });
    expect(await firstcome.redeem(claim)).toMatchObject({ outcome: 'already_redeemed' });
    expect(await firstcome.release(claim)).toMatchObject({ outcome: 'already_redeemed' });
  });

  it('releases a claim with a reason, and a confirmed one too', async () => {
    const { couponName, userId, claimId } = await aHold('k');
    const claim = { couponName, userId, claimId };
    await firstcome.confirm(claim);
    const released = { claimId, state: 'released', releasedAt: time, reason: 'payment failed' };
    expect(await firstcome.release({ ...claim, reason: 'payment failed' })).toMatchObject({
      ...{ outcome: 'changed', claim: released },
    });
    expect(await firstcome.confirm(claim)).toMatchObject({ outcome: 'claim_released' });
    const late = await firstcome.claim({ couponName, userId, idempotencyKey: 'k' });
    expect(late).toMatchObject({ outcome: 'claim_released', claim: released });
    await expect(firstcome.findClaim(couponName, userId)).rejects.toMatchObject({
      ...{ code: 'claim_not_found', lastClaim: released },
    });
    expect(await firstcome.listClaims({ couponName })).toEqual({ claims: [], more: false });
    expect(await firstcome.listClaims({ couponName, states: ['released'] })).toMatchObject({
      ...{ claims: [released], more: false },
    });
    const [entry] = await database.query(
      `select actor, reason from operator_log where action = 'release_claim' and coupon_name = $1`,
      [couponName],
    );
    expect(entry).toEqual({ actor: 'library', reason: 'payment failed' });
  });

  it('a final release ends the claims of its user', async () => {
    const { couponName, userId, claimId } = await aHold();
    await firstcome.release({ couponName, userId, claimId, final: true });
    expect(await firstcome.claim({ couponName, userId })).toEqual({
      outcome: 'claim_limit_reached',
    });
  });

  it('names the live claim and the last one where a call could mean either', async () => {
    const { couponName, userId, claimId } = await aHold();
    await firstcome.release({ couponName, userId, claimId });
    const again = await firstcome.claim({ couponName, userId });
    expect(await firstcome.release({ couponName, userId })).toMatchObject({
      ...{ outcome: 'claim_mismatch', claim: (again as { claim: object }).claim },
      lastClaim: { claimId, state: 'released' },
    });
  });

  it('counts a text that is no id of a claim as a mismatch', async () => {
    const { couponName, userId, claimId } = await aHold();
    for (const call of ['confirm', 'release', 'redeem'] as const) {
      expect(await firstcome[call]({ couponName, userId, claimId: 'order 7' })).toMatchObject({
        ...{ outcome: 'claim_mismatch', claim: { claimId, state: 'reserved' } },
      });
    }
  });

  it('returns an outcome for no claim and for no coupon', async () => {
    const { couponName, claimId } = await aHold();
    for (const call of ['confirm', 'release', 'redeem'] as const) {
      expect(await firstcome[call]({ couponName, userId: 'bob', claimId })).toEqual({
        outcome: 'claim_not_found',
      });
      expect(await firstcome[call]({ couponName: 'none', userId: 'bob' })).toEqual({
        outcome: 'coupon_not_found',
      });
    }
  });

  it('refuses wrong arguments by the rules of the HTTP API', async () => {
    const claim = { couponName: 'CART', userId: 'ada' };
    const { confirm, release, redeem } = firstcome;
    for (const [call, given, field] of [
      [confirm, { ...claim, claimId: '' }, 'claimId'],
      [release, { ...claim, claimId: 5 }, 'claimId'],
      [confirm, { ...claim, reason: 'x' }, 'reason'],
      [confirm, { userId: 'ada' }, 'couponName'],
      [release, { ...claim, reason: 'expired' }, 'reason'],
      [release, { ...claim, reason: '' }, 'reason'],
      [release, { ...claim, final: 'yes' }, 'final'],
      [release, { ...claim, isFinal: true }, 'isFinal'],
      [release, { ...claim, idempotencyKey: 'x' }, 'idempotencyKey'],
      [redeem, { ...claim, idempotencyKey: '' }, 'idempotencyKey'],
      [redeem, { couponName: 'CART', userId: 5 }, 'userId'],
    ] as const) {
      await expect((call as (given: unknown) => unknown)(given)).rejects.toMatchObject({
        ...{ code: 'invalid_request', fields: [{ field }] },
      });
    }
    await expect(
      firstcome.listClaims({ couponName: 'CART', states: ['open' as 'reserved'] }),
    ).rejects.toMatchObject({ fields: [{ field: 'states' }] });
  });
});

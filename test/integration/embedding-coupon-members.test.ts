// SPDX-License-Identifier: GPL-3.0-or-later
/** The members of a coupon in the package, besides its stock, window, pause and archiving. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { createFirstcome, type Firstcome } from '../../src/library.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let pool: pg.Pool;
let firstcome: Firstcome;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => undefined);
  firstcome = await createFirstcome({ pool, schema });
});

afterAll(async () => {
  await firstcome?.stop();
  await pool?.end();
  await database?.drop();
});

describe('an embedded engine', () => {
  it('creates and changes a coupon with a limit per user, a low stock mark and texts', async () => {
    const { createCoupon, changeCoupon, readCoupon } = firstcome;
    const name = newId();
    const texts = { title: 'Launch', description: 'one\ntwo', pauseReason: 'soon' };
    const members = { claimsPerUserMax: 1, stockLowAt: 0, ...texts };
    const created = await createCoupon({ name, amount: 5, ...members });
    expect(created).toMatchObject({ ...members, holdSeconds: null });
    expect(await readCoupon(name)).toEqual(created);
    const changed = await changeCoupon(name, { title: 'Again', pauseReason: null });
    expect(changed).toEqual({ ...created, title: 'Again', pauseReason: null });
    const plain = { name: newId(), amount: 5, holdSeconds: null, title: null };
    expect(await createCoupon({ ...plain, claimsPerUserMax: undefined })).toMatchObject({
      ...{ holdSeconds: null, claimsPerUserMax: 3, stockLowAt: null },
      ...{ title: null, description: null, pauseReason: null },
    });
  });

  it('creates a coupon with holds', async () => {
    const { createCoupon, readCoupon } = firstcome;
    const name = newId();
    await createCoupon({ name, amount: 5, holdSeconds: 2_592_000 });
    expect(await readCoupon(name)).toMatchObject({ holdSeconds: 2_592_000 });
  });

  it.each([
    ...[0, 2_592_001, 1.5, '60', true].map((value) => ['holdSeconds', value] as const),
    ...[0, 101, null, '3'].map((value) => ['claimsPerUserMax', value] as const),
    ...[-1, 2_147_483_648, '5'].map((value) => ['stockLowAt', value] as const),
    ...['t'.repeat(121), 'a\nb', 5].map((value) => ['title', value] as const),
    ...['d'.repeat(2001), 'a\0b', {}].map((value) => ['description', value] as const),
    ...['', 'r'.repeat(256), '\ud800'].map((value) => ['pauseReason', value] as const),
  ])('refuses an invalid %s: %j', async (member, value) => {
    const { createCoupon, readCoupon } = firstcome;
    const coupon = { name: newId(), amount: 5, [member]: value };
    await expect(createCoupon(coupon)).rejects.toMatchObject({
      code: 'invalid_request',
      fields: [{ field: member, message: expect.stringMatching(/^must be a /) }],
    });
    await expect(readCoupon(coupon.name)).rejects.toMatchObject({ code: 'coupon_not_found' });
  });

  it('creates no coupon with a saga, and changes none', async () => {
    const { createCoupon, changeCoupon, readCoupon } = firstcome;
    const coupon = { name: newId(), amount: 5, holdSeconds: 60, saga: 'checkout' };
    await expect(createCoupon(coupon)).rejects.toMatchObject({
      code: 'invalid_request',
      fields: [{ field: 'saga', message: 'is unknown; an embedded engine runs no sagas' }],
    });
    await expect(readCoupon(coupon.name)).rejects.toMatchObject({ code: 'coupon_not_found' });
    const { name } = await createCoupon({ name: newId(), amount: 5, holdSeconds: 60 });
    const change = { title: 'Launch', saga: 'checkout' };
    await expect(changeCoupon(name, change)).rejects.toMatchObject({
      fields: [{ field: 'saga', message: expect.stringContaining('cannot be changed') }],
    });
    expect(await readCoupon(name)).toMatchObject({ saga: null, title: null });
  });

  it('shows the sagas of a coupon that a service has created, and leaves their claims to them', async () => {
    const { createCoupon, claim, confirm, release, findClaim, listClaims, readCoupon } = firstcome;
    const { name: couponName } = await createCoupon({ name: newId(), amount: 5, holdSeconds: 60 });
    await database.query(`update coupons set saga = 'checkout' where name = $1`, [couponName]);
    expect(await readCoupon(couponName)).toMatchObject({ saga: 'checkout' });
    const claimed = await claim({ couponName, userId: 'ada' });
    if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
    const { claimId, sagaId } = claimed.claim;
    expect(sagaId).toBe(`${claimId.slice(0, 14)}8${claimId.slice(15)}`);
    expect(claimed.claim).not.toHaveProperty('expiresAt');
    expect(await findClaim(couponName, 'ada')).toEqual(claimed.claim);
    const running = { outcome: 'saga_running', claim: claimed.claim };
    expect(await confirm({ couponName, userId: 'ada' })).toEqual(running);
    const asked = await release({ couponName, userId: 'ada', claimId });
    expect(asked).toMatchObject({ outcome: 'undo_requested', claim: { claimId, sagaId } });
    const { claims } = await listClaims({ couponName });
    expect(claims).toMatchObject([{ state: 'reserved', sagaId }]);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Claim } from './claim.ts';
import type { ClaimReader } from './ports.ts';
import { readClaimsWith } from './read-claims.ts';

const aClaim = (position: number): Claim => ({
  ...{ claimId: `claim-${position}`, couponName: 'LAUNCH', userId: `user-${position}`, position },
  claimedAt: '2030-01-01T00:00:00Z',
  state: 'confirmed',
});

/** A reader with claims in memory, which records the positions it was called with. */
function setup(count: number) {
  const claims = Array.from({ length: count }, (_, index) => aClaim(index + 1));
  const afterPositions: number[] = [];
  const reader: ClaimReader = {
    findClaim: async (couponName, userId) =>
      couponName === 'LAUNCH'
        ? claims.find((claim) => claim.userId === userId)
        : 'coupon_not_found',
    listUserClaims: async () => ({ claims, next: null }),
    listClaims: async ({ couponName, afterPosition, limit }) => {
      afterPositions.push(afterPosition);
      if (couponName !== 'LAUNCH') return 'coupon_not_found';
      const behind = claims.filter(({ position }) => position > afterPosition);
      return { claims: behind.slice(0, limit), more: behind.length > limit };
    },
  };
  return { readClaims: readClaimsWith(reader), claims, afterPositions };
}

describe('finding a claim', () => {
  it('returns the claim that the user holds', async () => {
    const { readClaims } = setup(2);
    expect(await readClaims.find('LAUNCH', 'user-2')).toEqual(aClaim(2));
  });

  it('distinguishes an unknown coupon from a user without a claim', async () => {
    const { readClaims } = setup(2);
    await expect(readClaims.find('LAUNCH', 'user-3')).rejects.toMatchObject({
      code: 'claim_not_found',
    });
    await expect(readClaims.find('nowhere', 'user-1')).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });
});

describe('listing claims', () => {
  it('returns the page after a position, and whether more follow', async () => {
    const { readClaims } = setup(5);
    const query = { couponName: 'LAUNCH', afterPosition: 1, limit: 2 };
    expect(await readClaims.list(query)).toEqual({ claims: [aClaim(2), aClaim(3)], more: true });
    await expect(readClaims.list({ ...query, couponName: 'nowhere' })).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });
});

describe('exporting all claims', () => {
  it.each([0, 1, 1_000, 1_001, 2_500])('returns %i claims once each, in order', async (count) => {
    const { readClaims, claims } = setup(count);
    const exported: Claim[] = [];
    for await (const page of await readClaims.exportAll({ couponName: 'LAUNCH' })) {
      expect(page.length).toBeGreaterThan(0);
      exported.push(...page);
    }
    expect(exported).toEqual(claims);
  });

  it('reads a page only when the one before it was consumed', async () => {
    const { readClaims, afterPositions } = setup(2_500);
    const pages = await readClaims.exportAll({ couponName: 'LAUNCH' });
    expect(afterPositions).toEqual([0]);
    await pages.next();
    expect(afterPositions).toEqual([0]);
    await pages.next();
    expect(afterPositions).toEqual([0, 1_000]);
  });

  it('rejects for an unknown coupon before the first page', async () => {
    const { readClaims } = setup(1);
    await expect(readClaims.exportAll({ couponName: 'nowhere' })).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });
});

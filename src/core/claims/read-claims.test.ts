// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Claim } from './claim.ts';
import type { ClaimReader } from './ports.ts';
import { readClaimsWith } from './read-claims.ts';

const aClaim = (position: number): Claim => ({
  ...{ claimId: `claim-${position}`, couponName: 'LAUNCH', userId: `user-${position}`, position },
  claimedAt: '2030-01-01T00:00:00Z',
});

/** A reader that holds claims in memory, and writes down what it was asked for. */
function setup(count: number) {
  const claims = Array.from({ length: count }, (_, index) => aClaim(index + 1));
  const asked: number[] = [];
  const reader: ClaimReader = {
    findClaim: async (couponName, userId) =>
      couponName === 'LAUNCH'
        ? claims.find((claim) => claim.userId === userId)
        : 'coupon_not_found',
    listClaims: async ({ couponName, afterPosition, limit }) => {
      asked.push(afterPosition);
      if (couponName !== 'LAUNCH') return 'coupon_not_found';
      const behind = claims.filter(({ position }) => position > afterPosition);
      return { claims: behind.slice(0, limit), more: behind.length > limit };
    },
  };
  return { readClaims: readClaimsWith(reader), claims, asked };
}

describe('finding a claim', () => {
  it('gives what the user holds', async () => {
    const { readClaims } = setup(2);
    expect(await readClaims.find('LAUNCH', 'user-2')).toEqual(aClaim(2));
  });

  it('tells an unknown coupon from a user who holds nothing', async () => {
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
  it('gives a page behind a position, and says whether more follow', async () => {
    const { readClaims } = setup(5);
    const query = { couponName: 'LAUNCH', afterPosition: 1, limit: 2 };
    expect(await readClaims.list(query)).toEqual({ claims: [aClaim(2), aClaim(3)], more: true });
    await expect(readClaims.list({ ...query, couponName: 'nowhere' })).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });
});

describe('exporting all claims', () => {
  it.each([0, 1, 1_000, 1_001, 2_500])('gives %i claims once each, in order', async (count) => {
    const { readClaims, claims } = setup(count);
    const exported: Claim[] = [];
    for await (const page of await readClaims.exportAll('LAUNCH')) {
      expect(page.length).toBeGreaterThan(0);
      exported.push(...page);
    }
    expect(exported).toEqual(claims);
  });

  it('reads a page only when the one before was taken', async () => {
    const { readClaims, asked } = setup(2_500);
    const pages = await readClaims.exportAll('LAUNCH');
    expect(asked).toEqual([0]);
    await pages.next();
    expect(asked).toEqual([0]);
    await pages.next();
    expect(asked).toEqual([0, 1_000]);
  });

  it('tells an unknown coupon before the first page', async () => {
    const { readClaims } = setup(1);
    await expect(readClaims.exportAll('nowhere')).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** One claim of a coupon, named by its position or id in the list of its claims. */
import { describe, expect, it } from 'vitest';
import { claimIn, couponWithHolds } from '../support/claim-states.ts';
import { pathOf, useService } from '../support/contract-service.ts';

const service = useService();

describe('GET /api/coupons/{name}/claims?position= and ?claim_id=', () => {
  it('find a claim in every state, alone', async () => {
    const coupon = await couponWithHolds(service);
    for (const state of ['reserved', 'confirmed', 'redeemed', 'released'] as const) {
      const { id, made } = await claimIn(service, state, { coupon, user: state });
      for (const query of [`position=${made.position}`, `claim_id=${id}`]) {
        const path = `${pathOf(coupon, 'claims')}?${query}`;
        expect((await service.client.get(path)).json).toMatchObject({
          ...{ claims: [{ claim_id: id, state }], next_cursor: null },
        });
        const csv = await service.client.get(path, { accept: 'text/csv' });
        expect(csv.text.trim().split('\r\n')).toHaveLength(2);
        expect(csv.text).toContain(id);
      }
    }
    const { claims } = (await service.client.get(pathOf(coupon, 'claims'))).json;
    expect(claims.map(({ state }: { state: string }) => state)).not.toContain('released');
  });

  it('leave out a claim whose state is not among those that the query names', async () => {
    const { coupon, id, made } = await claimIn(service, 'released');
    for (const query of [`position=${made.position}`, `claim_id=${id}`]) {
      const find = async (states: string) =>
        (await service.client.get(`${pathOf(coupon, 'claims')}?${query}${states}`)).json.claims;
      expect(await find('&state=confirmed&state=reserved')).toEqual([]);
      expect(await find('&state=confirmed&state=released')).toMatchObject([{ claim_id: id }]);
    }
  });
});

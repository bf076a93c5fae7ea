// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Saga } from '../sagas/saga.ts';
import type { Claim } from './claim.ts';
import { type ClaimTraces, readTimelineWith } from './read-timeline.ts';

const at = (second: number) => `2030-01-31T18:00:0${second}.000000Z`;

const claim: Claim = {
  ...{ claimId: 'c', couponName: 'C', userId: 'ada', position: 1, state: 'released' },
  ...{ claimedAt: at(1), releasedAt: at(6), reason: 'saga', sagaId: 's' },
};

const step = (name: string, changedAt: string | null): Saga['steps'][number] => ({
  ...{ name, participant: 'payment', state: changedAt === null ? 'pending' : 'undone' },
  ...{ attempts: 1, lastStatus: 200, lastError: null, changedAt },
});

const delivery = (name: string, deliveredAt: string): ClaimTraces['deliveries'][number] => ({
  ...{ kind: 'delivery', name, at: deliveredAt, state: 'delivered', webhookId: 'w' },
  ...{ eventId: `of ${name}`, attempts: 1, lastStatus: 204, lastError: null },
});

function setup({ pages = [[claim]], saga }: { pages?: Claim[][]; saga?: Partial<Saga> } = {}) {
  return readTimelineWith({
    readClaims: {
      async exportAll() {
        return (async function* () {
          yield* pages;
        })();
      },
    },
    readTraces: async () => ({
      deliveries: [delivery('claim.released', at(6)), delivery('claim.reserved', at(2))],
      operators: [
        { kind: 'operator', name: 'release_claim', at: at(4), actor: 'admin', reason: 'fraud' },
      ],
    }),
    findSaga: async () => saga as Saga | undefined,
  });
}

const query = { couponName: 'C', claimId: 'c' };

describe('a timeline', () => {
  it('merges changes, operators, deliveries and steps by time, with what has not happened at the end', async () => {
    const steps = [step('pay', at(5)), step('points', null)];
    const { entries } = await setup({ saga: { steps } })(query);
    expect(entries.map(({ kind, name, at: time }) => [time, kind, name])).toEqual([
      [at(1), 'change', 'claimed'],
      [at(2), 'delivery', 'claim.reserved'],
      [at(4), 'operator', 'release_claim'],
      [at(5), 'saga_step', 'pay'],
      [at(6), 'change', 'released'],
      [at(6), 'delivery', 'claim.released'],
      [undefined, 'saga_step', 'points'],
    ]);
    // The operator has asked the saga, and the saga has released it.
    expect(entries[4]).toMatchObject({ reason: 'saga', actor: undefined });
  });

  it('has no steps while the saga has not begun', async () => {
    const { entries } = await setup()(query);
    expect(entries.filter(({ kind }) => kind === 'saga_step')).toEqual([]);
  });

  it('finds the claim behind pages without it', async () => {
    expect((await setup({ pages: [[], [claim]] })(query)).claim).toBe(claim);
    await expect(setup({ pages: [[]] })(query)).rejects.toMatchObject({ code: 'claim_not_found' });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** Changes of claims whose answer from the database is lost. */
import { expect, it } from 'vitest';
import { type ChangeOfClaim, changeClaim, claimIn } from '../support/claim-states.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { pathOf, until, useService } from '../support/contract-service.ts';
import { missed } from '../support/wait-for.ts';

const service = useService({ CLAIM_TIMEOUT_MS: '3000', DATABASE_LOCK_TIMEOUT_MS: '1100' });

it.each<[ChangeOfClaim, 'reserved' | 'confirmed', string]>([
  ['confirm', 'reserved', 'confirmed'],
  ['release', 'reserved', 'released'],
  ['redeem', 'confirmed', 'redeemed'],
])(
  '%s whose answer was lost is outcome_unknown with the claim_id it named, and a repeat is final',
  async (change, state, after) => {
    const claim = await claimIn(service, state);
    const send = (body: object) =>
      changeClaim(service, change, claim, body, { 'Idempotency-Key': 'k' });
    for (const body of [{ claim_id: claim.id }, {}]) {
      const held = await holdCoupon(service.database, claim.coupon);
      try {
        const sent = send(body);
        await held.untilWaiting();
        if ((await held.cutWaiting()) === 0) missed('the change stopped waiting for the lock');
        const answer = await sent;
        expectProblem(answer, 'outcome_unknown');
        expect(answer.json.claim_id).toBe('claim_id' in body ? claim.id : undefined);
      } finally {
        await held.release();
      }
      // The batch that is in doubt waits for the lock too, and would be cut in place of the next change.
      await until(
        () => service.client.get('/metrics'),
        ({ text }) => /^firstcome_claim_batches_in_doubt 0$/m.test(text),
      );
    }
    const again = await until(
      () => send({ claim_id: claim.id }),
      ({ status }) => status !== 503,
    );
    expect(again.status, again.text).toBe(200);
    expect(again.json).toMatchObject({ claim_id: claim.id, state: after });
    const { json } = await service.client.get(pathOf(claim.coupon));
    expect(json.remaining_amount).toBe(after === 'released' ? 10 : 9);
  },
);

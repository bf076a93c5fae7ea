// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { serverOver } from '../../../../test/support/server-over.ts';
import type { ClaimCommand } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';
import type { HttpDependencies } from '../route.ts';

const unused = () => Promise.reject(new Error('this test does not use it'));

/** Sends a body to the claim route of a server over this use case. */
async function send(body: object, claimCoupon: HttpDependencies['claimCoupon']) {
  const refused: string[] = [];
  const { app } = await serverOver({
    claimCoupon,
    claimRefused: (code) => refused.push(code),
  });
  try {
    const answer = await app.inject({ method: 'POST', url: '/api/coupons/claim', payload: body });
    return { refused, code: answer.json().code };
  } finally {
    await app.close();
  }
}

const claim = { user_id: 'ada', coupon_name: 'LAUNCH' };

describe('the claim route', () => {
  it('gives each command a new claim id', async () => {
    const commands: ClaimCommand[] = [];
    await send(claim, async (command) => {
      commands.push(command);
      return { outcome: 'sold_out' };
    });
    expect(commands).toEqual([
      {
        ...{ couponName: 'LAUNCH', userId: 'ada', idempotencyKey: undefined },
        claimId: 'new-claim-id',
      },
    ]);
  });

  it('counts a claim that it refuses, and does not call the use case', async () => {
    expect(await send({ user_id: 'ada' }, unused)).toEqual({
      ...{ refused: ['invalid_request'], code: 'invalid_request' },
    });
  });

  it.each(['overloaded', 'unavailable', 'outcome_unknown', 'invalid_request'] as const)(
    'does not count a claim that failed as %s in the use case, which counts it itself',
    async (code) => {
      const fault = new AppError(code, { detail: 'a fault of the engine' });
      expect(await send(claim, () => Promise.reject(fault))).toEqual({ refused: [], code });
    },
  );

  it('does not count a claim that met a defect in the use case', async () => {
    const answer = await send(claim, () => Promise.reject(new Error('a defect')));
    expect(answer).toEqual({ refused: [], code: 'internal' });
  });
});

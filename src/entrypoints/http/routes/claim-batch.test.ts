// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { serverOver } from '../../../../test/support/server-over.ts';
import type { ClaimAnswer, ClaimCommand } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';

const entry = (user_id: string, more = {}) => ({ coupon_name: 'LAUNCH', user_id, ...more });

/** Sends claims to the route of a server over this use case. */
async function send(
  claims: unknown[],
  claimCoupon: (command: ClaimCommand) => Promise<ClaimAnswer>,
  whileWaiting?: () => void,
) {
  const refused: string[] = [];
  const logged: string[] = [];
  let ids = 0;
  const { app } = await serverOver({
    claimCoupon,
    newClaimId() {
      ids += 1;
      return `id-${ids}`;
    },
    claimRefused: (code) => refused.push(code),
    log: { error: (_, message) => logged.push(message), info() {}, warn() {} },
  });
  try {
    const sent = app.inject({ method: 'POST', url: '/api/claims/batch', payload: { claims } });
    whileWaiting?.();
    const answer = await sent;
    return { status: answer.statusCode, results: answer.json().results, refused, logged };
  } finally {
    await app.close();
  }
}

const soldOut = async (): Promise<ClaimAnswer> => ({ outcome: 'sold_out' });

describe('the route of many claims', () => {
  it('makes each claim with an id of its own, all in one turn of the event loop', async () => {
    const commands: ClaimCommand[] = [];
    let turns = 0;
    await send([entry('ada', { idempotency_key: 'k', note: 'x' }), entry('bob')], (command) => {
      commands.push(command);
      if (commands.length === 1) setImmediate(() => (turns += 1));
      expect(turns).toBe(0);
      return soldOut();
    });
    expect(commands).toEqual([
      { couponName: 'LAUNCH', userId: 'ada', idempotencyKey: 'k', claimId: 'id-1' },
      { couponName: 'LAUNCH', userId: 'bob', idempotencyKey: undefined, claimId: 'id-2' },
    ]);
  });

  it('answers in the order of the call, whatever the order of the decisions', async () => {
    const decide: (() => void)[] = [];
    const claimCoupon = (_: ClaimCommand) =>
      new Promise<ClaimAnswer>((resolve) => {
        const number = decide.length;
        decide.push(() =>
          resolve(number === 1 ? { outcome: 'paused' } : { outcome: 'accepted', ticketId: 't' }),
        );
        if (decide.length === 3) for (const one of decide.reverse()) one();
      });
    const { results } = await send([entry('a'), entry('b'), entry('c')], claimCoupon);
    expect(
      results.map(({ status, location }: Record<string, unknown>) => [status, location]),
    ).toEqual([
      [202, '/api/tickets/t'],
      [409, undefined],
      [202, '/api/tickets/t'],
    ]);
    expect(results[2]).toEqual({
      ...{ status: 202, ticket_id: 't', state: 'accepted', location: '/api/tickets/t' },
      ...{ coupon_name: 'LAUNCH', user_id: 'c' },
    });
  });

  it('lets a fault of one claim fail that claim only, and counts what it refuses itself', async () => {
    const faults: Record<string, unknown> = {
      busy: new AppError('overloaded', { detail: 'too many' }),
      away: new AppError('unavailable', { detail: 'away' }),
      lost: new AppError('outcome_unknown', { detail: 'lost', claimId: 'the-id', ticketId: 'x' }),
      bug: new Error('a defect with a secret'),
    };
    const claims = [...Object.keys(faults).map((name) => entry(name)), {}, entry('ada')];
    const { status, results, refused, logged } = await send(claims, async ({ userId }) => {
      const fault = faults[userId];
      if (fault !== undefined) throw fault;
      return { outcome: 'sold_out' };
    });
    expect(status).toBe(200);
    expect(results.map((result: Record<string, unknown>) => [result.code, result.effect])).toEqual([
      ['overloaded', 'none'],
      ['unavailable', 'none'],
      ['outcome_unknown', 'unknown'],
      ['internal', 'unknown'],
      ['invalid_request', 'none'],
      ['sold_out', 'none'],
    ]);
    for (const { retry_after } of results.slice(0, 3)) expect(retry_after).toBeGreaterThan(0);
    expect(results[2]).toMatchObject({ status: 503, claim_id: 'the-id', ticket_id: 'x' });
    expect(JSON.stringify(results)).not.toContain('secret');
    expect(refused).toEqual(['invalid_request']);
    expect(logged).toEqual(['a request met an unexpected error']);
  });

  it('writes texts of every kind, and each member of a claim where it applies', async () => {
    const userId = 'Grüße "1" \\ \u2028 \ud83d\ude00';
    const claim = {
      ...{ claimId: 'c', couponName: 'a/"b"', userId, position: 7, claimedAt: 't' },
      ...{ state: 'reserved' as const, expiresAt: 'e', sagaId: 's', sagaState: 'running' as const },
      ...{ confirmedAt: 'f', redeemedAt: 'r' },
    };
    const { results } = await send([entry('ada')], async () => ({ outcome: 'claimed', claim }));
    expect(results).toEqual([
      {
        ...{ status: 200, message: 'coupon claimed', claim_id: 'c', coupon_name: 'a/"b"' },
        ...{ user_id: userId, position: 7, claimed_at: 't', state: 'reserved', expires_at: 'e' },
        ...{ confirmed_at: 'f', redeemed_at: 'r', saga_id: 's', saga_state: 'running' },
      },
    ]);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchAnswer, BatchOutcome } from '../../src/core/claims/ports.ts';
import type { TicketResult } from '../../src/core/tickets/ticket.ts';
import { range } from '../support/crowd.ts';
import { outcomesOf } from '../support/stores.ts';
import { hoursAgo, openTicketStores, secondsAgo, type TicketStores } from '../support/tickets.ts';

let setup: TicketStores;

beforeAll(async () => {
  setup = await openTicketStores();
});

afterAll(() => setup.close());

const decided = (answer: BatchAnswer): BatchOutcome[] => {
  expect(answer.kind).toBe('decided');
  return answer.kind === 'decided' ? answer.outcomes : [];
};

describe('a batch of claims with tickets', () => {
  it('is decided in its order, and each ticket has the outcome of its claim', async () => {
    const { newCoupon, claimsOf, decide, results } = setup;
    const claims = claimsOf(await newCoupon(3), ['a', 'b', 'c', 'd', 'a']);
    const outcomes = decided(await decide(claims));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      ...['claimed', 'claimed', 'claimed', 'sold_out', 'already_claimed'],
    ]);
    expect(await results(claims)).toEqual(
      outcomes.map((outcome) => ({ state: 'decided', outcome })),
    );
  });

  it.each([1, 2, 500])('of %i that all win has one ticket for each claim', async (size) => {
    const { newCoupon, claimsOf, decide, results } = setup;
    const claims = claimsOf(
      await newCoupon(size),
      range(size).map((user) => `u${user}`),
    );
    const outcomes = decided(await decide(claims));
    expect(outcomes).toEqual(
      claims.map(({ claimId, couponName, userId }, index) => ({
        outcome: 'claimed',
        claim: {
          ...{ claimId, couponName, userId, position: index + 1, state: 'confirmed' },
          claimedAt: expect.any(String),
        },
      })),
    );
    expect(await results(claims)).toEqual(
      outcomes.map((outcome) => ({ state: 'decided', outcome })),
    );
  });

  it('that comes again gets what was stored, and changes nothing', async () => {
    const { newCoupon, claimsOf, decide, remaining } = setup;
    const name = await newCoupon(10);
    const claims = claimsOf(name, ['a', 'b', 'c', 'a']);
    const first = decided(await decide(claims));
    expect(decided(await decide(claims))).toEqual(first);
    expect(decided(await decide([...claims].reverse()))).toEqual([...first].reverse());
    const mixed = [...claimsOf(name, ['d']), ...claims, ...claimsOf(name, ['e'])];
    expect(outcomesOf(await decide(mixed))).toEqual([
      ...['claimed', 'claimed', 'claimed', 'claimed', 'already_claimed', 'claimed'],
    ]);
    expect(await remaining(name)).toBe(5);
  });

  it('with the same claim twice decides it once', async () => {
    const { newCoupon, claimsOf, decide, remaining } = setup;
    const name = await newCoupon(10);
    const claims = claimsOf(name, ['a', 'b']);
    const outcomes = decided(await decide([...claims, ...claims.slice(0, 1)]));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['claimed', 'claimed', 'claimed']);
    expect(outcomes[2]).toEqual(outcomes[0]);
    expect(await remaining(name)).toBe(8);
  });

  it('of a coupon that does not exist says so in each ticket, for good', async () => {
    const { claimsOf, decide, results, stores } = setup;
    const name = `later-${newId()}`;
    const claims = claimsOf(name, ['a', 'b']);
    expect(outcomesOf(await decide(claims))).toEqual(['coupon_not_found', 'coupon_not_found']);
    await stores.createCoupon(name, 5);
    expect(outcomesOf(await decide(claims))).toEqual(['coupon_not_found', 'coupon_not_found']);
    expect(await results(claims)).toEqual(
      claims.map(() => ({ state: 'decided', outcome: { outcome: 'coupon_not_found' } })),
    );
    expect(outcomesOf(await decide(claimsOf(name, ['a'])))).toEqual(['claimed']);
  });

  it.each([
    ['paused', 'paused = true'],
    ['closed', `closes_at = now() - interval '1 minute', opens_at = now() - interval '1 hour'`],
    ['not_open', `opens_at = now() + interval '1 hour'`],
  ])('of a sale that is not on stores %s', async (outcome, set) => {
    const { newCoupon, claimsOf, decide, results, query } = setup;
    const name = await newCoupon(5);
    await query(`update coupons set ${set} where name = $1`, [name]);
    const claims = claimsOf(name, ['a', 'b']);
    const outcomes = decided(await decide(claims));
    expect(outcomes).toEqual([
      expect.objectContaining({ outcome }),
      expect.objectContaining({ outcome }),
    ]);
    await query(
      'update coupons set paused = false, opens_at = null, closes_at = null where name = $1',
      [name],
    );
    expect(decided(await decide(claims))).toEqual(outcomes);
    expect(await results(claims)).toEqual(
      outcomes.map((one) => ({ state: 'decided', outcome: one })),
    );
  });

  it('with keys stores replays and what follows the end of a claim', async () => {
    const { newCoupon, claimsOf, decide, results, query } = setup;
    const name = await newCoupon(5);
    await query('update coupons set hold_seconds = 3600, claims_per_user_max = 1 where name = $1', [
      name,
    ]);
    const withKey = (key?: string) => claimsOf(name, ['a'], { idempotencyKey: key });
    const first = withKey('k');
    expect(outcomesOf(await decide(first))).toEqual(['claimed']);
    const replay = withKey('k');
    expect(outcomesOf(await decide(replay))).toEqual(['replayed']);
    await query(
      `update claims set expires_at = clock_timestamp()
      where user_id = 'a' and coupon_id = (select id from coupons where name = $1)`,
      [name],
    );
    const late = withKey('k');
    expect(outcomesOf(await decide(late))).toEqual(['hold_expired']);
    const again = withKey();
    expect(outcomesOf(await decide(again))).toEqual(['claim_limit_reached']);
    const states = (await results([...first, ...replay, ...late, ...again])).map((result) =>
      result?.state === 'decided' ? result.outcome : result,
    );
    expect(states).toMatchObject([
      { outcome: 'claimed', claim: { claimId: first[0]?.claimId, state: 'reserved' } },
      { outcome: 'replayed', claim: { claimId: first[0]?.claimId, state: 'reserved' } },
      {
        outcome: 'hold_expired',
        claim: { claimId: first[0]?.claimId, state: 'released', reason: 'expired' },
      },
      { outcome: 'claim_limit_reached' },
    ]);
  });
});

describe('a ticket past its time', () => {
  const expired: TicketResult = { state: 'expired' };

  it('is stored as expired when its claim comes, and its claim is not made', async () => {
    const { newCoupon, claimsOf, decide, results, remaining } = setup;
    const name = await newCoupon(5);
    const late = claimsOf(name, ['a', 'b'], { ticket: secondsAgo(301) });
    const claims = [...late, ...claimsOf(name, ['c'], { ticket: secondsAgo(298) })];
    expect(outcomesOf(await decide(claims))).toEqual([
      'ticket_expired',
      'ticket_expired',
      'claimed',
    ]);
    expect(await results(claims)).toMatchObject([expired, expired, { state: 'decided' }]);
    expect(await remaining(name)).toBe(4);
  });

  it('never wins once it was reported', async () => {
    const { newCoupon, claimsOf, decide, read, query } = setup;
    const name = await newCoupon(5);
    const claims = claimsOf(name, ['a'], { ticket: secondsAgo(301) });
    expect(await read(claims)).toEqual([expired]);
    // Even if the clock was set back.
    const early = claims.map((claim) => ({ ...claim, ticket: secondsAgo(0) }));
    expect(outcomesOf(await decide(early))).toEqual(['ticket_expired']);
    expect(await query('select from claims where claim_id = $1', [claims[0]?.claimId])).toEqual([]);
  });

  it('keeps the outcome of a decision in time', async () => {
    const { newCoupon, claimsOf, decide, read } = setup;
    const claims = claimsOf(await newCoupon(5), ['a']);
    const outcomes = decided(await decide(claims));
    const late = claims.map((claim) => ({ ...claim, ticket: secondsAgo(3_600) }));
    expect(await read(late)).toEqual([{ state: 'decided', outcome: outcomes[0] }]);
    expect(decided(await decide(late))).toEqual(outcomes);
  });

  it('gets no row past its retention, and is gone', async () => {
    const { newCoupon, claimsOf, decide, read, results } = setup;
    const claims = claimsOf(await newCoupon(5), ['a'], { ticket: hoursAgo(3) });
    expect(outcomesOf(await decide(claims))).toEqual(['ticket_expired']);
    expect(await results(claims)).toEqual([undefined]);
    expect(await read(claims)).toEqual(['gone']);
  });

  it('is gone past its retention also where its row is left', async () => {
    const { newCoupon, claimsOf, decide, read } = setup;
    const claims = claimsOf(await newCoupon(5), ['a']);
    await decide(claims);
    expect(await read(claims.map((claim) => ({ ...claim, ticket: hoursAgo(3) })))).toEqual([
      'gone',
    ]);
  });
});

describe('a ticket', () => {
  it('is accepted as long as nothing is decided', async () => {
    const { claimsOf, read, results } = setup;
    const claims = claimsOf('any', ['a']);
    expect(await read(claims)).toEqual(['accepted']);
    expect(await results(claims)).toEqual([undefined]);
  });

  it('keeps its result when its claim is released', async () => {
    const { newCoupon, claimsOf, decide, read, release } = setup;
    const name = await newCoupon(5);
    const claims = claimsOf(name, ['a']);
    const outcomes = decided(await decide(claims));
    await release(name, 'a');
    expect(await read(claims)).toEqual([{ state: 'decided', outcome: outcomes[0] }]);
    expect(decided(await decide(claims))).toEqual(outcomes);
  });

  it('that has failed is never decided', async () => {
    const { newCoupon, claimsOf, decide, fail, read } = setup;
    const claims = claimsOf(await newCoupon(5), ['a']);
    const problem = {
      code: 'invalid_request',
      detail: 'no',
      fields: [{ field: 'f', message: 'm' }],
    } as const;
    const failed = { state: 'failed', problem };
    expect(await fail(claims, { ...problem, fields: [...problem.fields] })).toEqual([failed]);
    expect(decided(await decide(claims))).toEqual([{ outcome: 'ticket_failed', problem }]);
    expect(await read(claims)).toEqual([failed]);
  });

  it('that is decided does not fail afterwards', async () => {
    const { newCoupon, claimsOf, decide, fail } = setup;
    const claims = claimsOf(await newCoupon(5), ['a']);
    const outcomes = decided(await decide(claims));
    expect(await fail(claims, { code: 'internal', detail: 'no' })).toEqual([
      { state: 'decided', outcome: outcomes[0] },
    ]);
  });

  it('fails where the coupon has no position left', async () => {
    const { newCoupon, claimsOf, decide, results, query } = setup;
    const name = await newCoupon(1);
    await query('update coupons set returned_units = 2147483647 where name = $1', [name]);
    const claims = claimsOf(name, ['a', 'b']);
    expect(outcomesOf(await decide(claims))).toEqual(['ticket_failed', 'ticket_failed']);
    expect(outcomesOf(await decide(claims))).toEqual(['ticket_failed', 'ticket_failed']);
    expect(await results(claims)).toMatchObject(
      claims.map(() => ({ state: 'failed', problem: { code: 'unavailable' } })),
    );
    await query('update coupons set returned_units = 0 where name = $1', [name]);
  });
});

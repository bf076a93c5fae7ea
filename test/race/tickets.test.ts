// SPDX-License-Identifier: GPL-3.0-or-later
/** Workers that decide the same tickets at the same time, and readers who find them expired. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchAnswer, TicketedClaim } from '../../src/core/claims/ports.ts';
import { range } from '../support/crowd.ts';
import { hoursAgo, openTicketStores, secondsAgo, type TicketStores } from '../support/tickets.ts';

let setup: TicketStores;

beforeAll(async () => {
  setup = await openTicketStores();
});

afterAll(() => setup.close());

/** Sends a batch until it is decided, as a worker does. */
async function decideAgain(claims: readonly TicketedClaim[]): Promise<string[]> {
  for (;;) {
    const answer: BatchAnswer = await setup.decide(claims);
    if (answer.kind === 'decided') return answer.outcomes.map((outcome) => JSON.stringify(outcome));
    expect(answer).toMatchObject({ kind: 'refused', reason: 'busy' });
  }
}

/** The claims in another order. */
const shuffled = <Item>(items: readonly Item[]): Item[] =>
  items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);

it.each([
  ['of a coupon', true],
  ['of a name that is no coupon', false],
])('workers that decide the same tickets %s all get the same results', async (_, exists) => {
  const { newCoupon, claimsOf } = setup;
  for (const round of range(8)) {
    const name = exists ? await newCoupon(10) : `none-${round}-${newId()}`;
    const claims = claimsOf(
      name,
      range(20).map((user) => `u${user}`),
    );
    const orders = [claims, shuffled(claims), shuffled(claims).slice(0, 12), shuffled(claims)];
    const answers = await Promise.all(orders.map(decideAgain));
    const results = new Map<string, string>();
    orders.forEach((order, worker) => {
      order.forEach(({ claimId }, place) => {
        const outcome = answers[worker]?.[place] ?? '';
        expect(results.get(claimId) ?? outcome).toBe(outcome);
        results.set(claimId, outcome);
      });
    });
    const won = [...results.values()].filter((outcome) => outcome.includes('"claimed"'));
    expect(won).toHaveLength(exists ? 10 : 0);
  }
});

it('a ticket that a reader finds expired never wins, and one that wins is never found expired', async () => {
  const { newCoupon, claimsOf, read, remaining } = setup;
  let wins = 0;
  let expiries = 0;
  for (const round of range(8)) {
    const name = await newCoupon(100);
    const claims = claimsOf(
      name,
      range(40).map((user) => `u${user}`),
    );
    // For a reader they are past their time, for a worker not yet: its clock was set back.
    const late = claims.map((claim) => ({ ...claim, ticket: secondsAgo(400) }));
    const reading = (async () => {
      const found: string[] = [];
      for (const claim of shuffled(late).slice(0, 10 + round)) {
        const [result] = await read([claim]);
        found.push(`${claim.userId} ${typeof result === 'string' ? result : result?.state}`);
      }
      return found;
    })();
    const outcomes = await Promise.all([
      decideAgain(claims.slice(0, 25)),
      decideAgain(shuffled(claims)),
    ]);
    const expired = new Set<string>();
    for (const line of await reading) {
      const [user = '', state] = line.split(' ');
      if (state === 'expired') expired.add(user);
    }
    const final = await read(late);
    final.forEach((result, place) => {
      const { userId } = claims[place] as TicketedClaim;
      const decided = typeof result === 'object' && result.state === 'decided';
      expect(decided, `${userId}: ${JSON.stringify(result)}`).toBe(!expired.has(userId));
      if (place < 25 && expired.has(userId)) {
        expect(outcomes[0]?.[place]).toBe('{"outcome":"ticket_expired"}');
      }
    });
    wins += claims.length - expired.size;
    expiries += expired.size;
    expect(await remaining(name)).toBe(100 - (claims.length - expired.size));
  }
  expect(wins).toBeGreaterThan(0);
  expect(expiries).toBeGreaterThan(0);
});

it('a ticket past its retention gets no row from anybody', async () => {
  const { newCoupon, claimsOf, read, results, fail } = setup;
  const claims = claimsOf(await newCoupon(10), ['a', 'b', 'c'], { ticket: hoursAgo(3) });
  await Promise.all([
    decideAgain(claims),
    read(claims),
    fail(claims, { code: 'internal', detail: 'no' }),
  ]);
  expect(await results(claims)).toEqual([undefined, undefined, undefined]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ClaimBatch, ClaimStore, TicketedClaim } from '../../src/core/claims/ports.ts';
import type { AppError } from '../../src/core/errors.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { lanesOver } from '../support/lanes-over.ts';
import { losing } from '../support/losing-store.ts';
import { CouponModel } from '../support/sale-model.ts';
import { openTicketStores, secondsAgo, type TicketStores } from '../support/tickets.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 15);

let setup: TicketStores;
const answersSeen = new Set<string>();
let lateBatches = 0;

beforeAll(async () => {
  setup = await openTicketStores();
});

afterAll(() => setup.close());

/** The messages of a queue, by the claims that they have: some come twice, early or late. */
const aRun = fc.record({
  amount: fc.integer({ min: 1, max: 30 }),
  users: fc.array(fc.nat(20), { minLength: 1, maxLength: 80, size: 'max' }),
  late: fc.array(fc.nat(79), { maxLength: 8 }),
  again: fc.array(fc.tuple(fc.nat(79), fc.nat(80)), { maxLength: 20 }),
  batchMax: fc.integer({ min: 1, max: 20 }),
  commitsUnderWayMax: fc.integer({ min: 1, max: 3 }),
  chance: fc.constantFrom(0, 0.03, 0.3),
  seed: fc.integer(),
});

/** Whether a batch is lost before it arrives, and arrives after all when the run is over. */
function withLateBatches(store: ClaimStore, random: () => number) {
  const late: ClaimBatch[] = [];
  const wrapped: ClaimStore = {
    ...store,
    decideBatch(batch) {
      if (random() < 0.1) {
        late.push(batch);
        return Promise.resolve({ kind: 'unknown', cause: new Error('late') });
      }
      return store.decideBatch(batch);
    },
  };
  return { late, wrapped };
}

it('each ticket is decided once, in order, over lost answers and messages that come twice', async () => {
  await fc.assert(
    fc.asyncProperty(aRun, async ({ amount, users, late, again, chance, seed, ...limits }) => {
      const { newCoupon, claimsOf, results, read, remaining, stores } = setup;
      const name = await newCoupon(amount);
      const claims = claimsOf(
        name,
        users.map((user) => `user-${user}`),
      ).map((claim, place) =>
        late.includes(place) ? { ...claim, ticket: secondsAgo(400) } : claim,
      );
      const messages = [...claims];
      for (const [place, at] of again) {
        const claim = claims[place];
        // After the first delivery.
        if (claim) messages.splice(Math.max(at, messages.indexOf(claim) + 1), 0, claim);
      }
      const { late: batchesLate, wrapped } = withLateBatches(stores.claims, seededRandom(seed + 1));
      const store = chance === 0 ? stores.claims : wrapped;
      const lanes = lanesOver(losing(store, chance, seededRandom(seed)), limits);
      const answers = new Map<TicketedClaim, Set<string>>(
        claims.map((claim) => [claim, new Set()]),
      );
      let isInOrder = true;
      /** Sends a claim until it is decided, as a worker does. One that waited behind a lost answer may come later. */
      const decide = async (claim: TicketedClaim): Promise<void> => {
        try {
          answers.get(claim)?.add(JSON.stringify(await lanes.claimTicket(claim)));
        } catch (error) {
          expect((error as AppError).code).toBe('unavailable');
          isInOrder = false;
          await decide(claim);
        }
      };
      await Promise.all(messages.map(decide));
      await lanes.drain(1_000);
      const stored = await results(claims);
      // Batches that a client of the database has given up arrive at last.
      for (const batch of batchesLate) {
        lateBatches += 1;
        await stores.claims.decideBatch(batch);
      }

      const model = new CouponModel(amount);
      const final = await read(claims);
      claims.forEach((claim, place) => {
        const [answer = '', ...others] = answers.get(claim) ?? [];
        expect(others).toEqual([]);
        const { outcome } = JSON.parse(answer);
        answersSeen.add(outcome);
        expect(final[place]).toEqual(stored[place]);
        const result = final[place];
        if (late.includes(place)) {
          expect([outcome, result]).toEqual(['ticket_expired', { state: 'expired' }]);
          return;
        }
        expect(result).toEqual({ state: 'decided', outcome: JSON.parse(answer) });
        const decision = model.decide(claim);
        if (isInOrder) expect(outcome).toBe(decision.outcome);
      });
      expect(await remaining(name)).toBe(amount - model.claims.length);
    }),
    { numRuns: runs },
  );
  expect([...answersSeen].sort()).toEqual([
    ...['already_claimed', 'claimed', 'sold_out', 'ticket_expired'],
  ]);
  expect(lateBatches).toBeGreaterThan(0);
});

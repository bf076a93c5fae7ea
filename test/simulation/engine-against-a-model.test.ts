// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimCommand } from '../../src/core/claims/claim.ts';
import type { ClaimCoupon } from '../../src/core/claims/claim-coupon.ts';
import { KnownCoupons, withKnownCoupons } from '../../src/core/claims/known-coupons.ts';
import type { ClaimStore, MultiCouponAnswer } from '../../src/core/claims/ports.ts';
import type { AppError } from '../../src/core/errors.ts';
import { auditRecords } from '../support/audit.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { lanesOver } from '../support/lanes-over.ts';
import { losing } from '../support/losing-store.ts';
import { CouponModel } from '../support/sale-model.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 60);

let database: TestDatabase;
let stores: Stores;
let runCount = 0;
const answersSeen = new Set<string>();
/** Multi-coupon batches by what happened to them, and their claims. */
const multiCoupon = { sent: 0, lost: 0, decided: 0, refused: 0, claimsWon: 0, claimsUndecided: 0 };
const couponsMax = 6;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** Counts what happens to a multi-coupon batch. */
function countMultiCoupon(answer: MultiCouponAnswer | 'lost'): void {
  multiCoupon.sent += 1;
  if (answer === 'lost' || answer.kind === 'unknown') {
    multiCoupon.lost += 1;
    return;
  }
  multiCoupon[answer.kind] += 1;
  if (answer.kind !== 'decided') return;
  const won = answer.outcomes.filter((outcome) => outcome !== undefined).length;
  multiCoupon.claimsWon += won;
  multiCoupon.claimsUndecided += answer.outcomes.length - won;
}

function engineOver(store: ClaimStore, limits: { batchMax: number; commitsUnderWayMax: number }) {
  const knownCoupons = new KnownCoupons({ store, namesMax: 100, waitingMax: 1_000 });
  const lanes = lanesOver(store, limits);
  return {
    knownCoupons,
    lanes,
    claimCoupon: withKnownCoupons((command: ClaimCommand) => lanes.claim(command), knownCoupons),
  };
}

/** A claim in order of arrival; `pause` lets claims under way proceed before the next one. */
const aClaim = fc.record({
  coupon: fc.nat(couponsMax - 1),
  user: fc.oneof({ weight: 3, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.nat(500) }),
  key: fc.option(fc.nat(1), { nil: undefined }),
  bad: fc.integer({ min: 0, max: 30 }).map((value) => value === 0),
  pause: fc.oneof(
    { weight: 6, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constant('a turn') },
    { weight: 2, arbitrary: fc.constant('until all are answered') },
  ),
});

const aRun = fc.record({
  // Claims of one coupon go in batches, those of several coupons in multi-coupon batches.
  amounts: fc.array(fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 60 })), {
    ...{ minLength: 1, maxLength: couponsMax },
  }),
  claims: fc.array(aClaim, { minLength: 1, maxLength: 150, size: 'max' }),
  batchMax: fc.integer({ min: 1, max: 20 }),
  commitsUnderWayMax: fc.integer({ min: 1, max: 3 }),
  chance: fc.constantFrom(0, 0.05, 0.3),
  seed: fc.integer(),
});

type Answer = { name: string; claimId?: string; position?: number };

const answerOf = (claim: ReturnType<ClaimCoupon>): Promise<Answer> =>
  claim.then(
    (outcome) =>
      'claim' in outcome
        ? {
            name: outcome.outcome,
            claimId: outcome.claim.claimId,
            position: outcome.claim.position,
          }
        : { name: outcome.outcome },
    (error: AppError) => ({ name: error.code }),
  );

describe('the engine over connections that lose answers', () => {
  it('decides claims in any order and grouping like the model, and stores nothing of refused ones', async () => {
    await fc.assert(
      fc.asyncProperty(aRun, async ({ amounts, claims, chance, seed, ...limits }) => {
        runCount += 1;
        const names = amounts.map((_, index) => `run-${runCount}-${index}`);
        for (const [index, amount] of amounts.entries()) {
          await stores.createCoupon(names[index] ?? '', amount);
        }
        const store = losing(stores.claims, chance, seededRandom(seed), countMultiCoupon);
        const { knownCoupons, lanes, claimCoupon } = engineOver(store, limits);
        for (const name of names) await knownCoupons.find(name);

        const commands = claims.map(({ coupon, user, key, bad }) => ({
          couponName: names[coupon % names.length] ?? '',
          // The database refuses a NUL; the entrypoints let none through.
          userId: bad ? `user-${user}\0` : `user-${user}`,
          idempotencyKey: key === undefined ? undefined : `key-${key}`,
          claimId: newId(),
        }));
        const answers: Promise<Answer>[] = [];
        for (const [index, command] of commands.entries()) {
          answers.push(answerOf(claimCoupon(command)));
          const pause = claims[index]?.pause;
          if (pause === 'a turn') await new Promise((resolve) => setImmediate(resolve));
          if (pause === 'until all are answered') await Promise.all(answers);
        }
        const received = await Promise.all(answers);
        for (const { name } of received) answersSeen.add(name);
        await lanes.drain(1_000);

        const models = new Map(
          names.map((name, index) => [name, new CouponModel(amounts[index] ?? 0)]),
        );
        for (const [index, command] of commands.entries()) {
          const answer = received[index] ?? { name: 'nothing' };
          if (answer.name === 'unavailable' || claims[index]?.bad) {
            expect(answer.name).toBe('unavailable');
            continue;
          }
          const model = models.get(command.couponName);
          const claimId = answer.name === 'claimed' ? (answer.claimId ?? '') : newId();
          expect(answer.name).toBe(model?.decide({ ...command, claimId }).outcome);
          if (answer.claimId === undefined) continue;
          const held = model?.claimsByUser.get(command.userId);
          expect(answer).toMatchObject({ claimId: held?.claimId, position: held?.position });
        }
        for (const [name, model] of models) {
          const page = await stores.reader.listClaims({
            couponName: name,
            afterPosition: 0,
            limit: 500,
          });
          expect(page).toMatchObject({
            claims: model.claims.map(({ userId, claimId, position }) => ({
              userId,
              claimId,
              position,
            })),
          });
        }
      }),
      { numRuns: runs },
    );
    expect(await auditRecords(database.query)).toEqual([]);
    // The runs must have met every case.
    expect([...answersSeen].sort()).toEqual([
      ...['already_claimed', 'claimed', 'replayed', 'sold_out', 'unavailable'],
    ]);
    for (const [what, count] of Object.entries(multiCoupon)) {
      expect(count, `multi-coupon batches: ${what}`).toBeGreaterThan(0);
    }
  });
});

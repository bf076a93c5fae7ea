// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { type ClaimCoupon, claimCouponWith } from '../../src/core/claims/claim-coupon.ts';
import { ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import { KnownCoupons } from '../../src/core/claims/known-coupons.ts';
import type { ClaimStore } from '../../src/core/claims/ports.ts';
import type { AppError } from '../../src/core/errors.ts';
import { auditRecords } from '../support/audit.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { CouponModel } from '../support/sale-model.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 60);

let database: TestDatabase;
let stores: Stores;
let runCount = 0;
const wordsSeen = new Set<string>();
/** What befell bundles, and claims in them. */
const bundles = { sent: 0, lost: 0, decided: 0, refused: 0, claimsWon: 0, claimsLeft: 0 };
const couponsMax = 6;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** The real store, whose answers get lost by chance: before the batch arrives, after its commit, or of a void mark. */
function losing(store: ClaimStore, chance: number, random: () => number): ClaimStore {
  const isLost = () => random() < chance;
  const lost = { kind: 'unknown', cause: new Error('lost') } as const;
  return {
    findCouponNames: (names) => store.findCouponNames(names),
    async claimBatch(batch) {
      if (isLost()) return lost;
      const answer = await store.claimBatch(batch);
      return isLost() ? lost : answer;
    },
    async claimMultiCoupon(batches) {
      bundles.sent += 1;
      const isLostBefore = isLost();
      const answer = isLostBefore ? lost : await store.claimMultiCoupon(batches);
      if (isLostBefore || isLost() || answer.kind === 'unknown') {
        bundles.lost += 1;
        return lost;
      }
      bundles[answer.kind] += 1;
      if (answer.kind === 'decided') {
        const won = answer.outcomes.filter((outcome) => outcome !== undefined).length;
        bundles.claimsWon += won;
        bundles.claimsLeft += answer.outcomes.length - won;
      }
      return answer;
    },
    async voidBatch(couponName, batchId) {
      if (isLost()) throw new Error('lost');
      const settled = await store.voidBatch(couponName, batchId);
      if (isLost()) throw new Error('lost');
      return settled;
    },
  };
}

function engineOver(store: ClaimStore, limits: { batchMax: number; commitsUnderWayMax: number }) {
  const knownCoupons = new KnownCoupons({ store, namesMax: 100, waitingMax: 1_000 });
  const ignore = () => undefined;
  const lanes = new ClaimLanes({
    store,
    limits: {
      ...{
        laneWaitingMax: 1_000,
        waitMaxMs: 60_000,
        lanesMax: 10,
        waitingMax: 1_000,
        timeoutMs: 60_000,
      },
      ...limits,
    },
    // Between two tries of a void mark it waits a twentieth of the time.
    clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) },
    metrics: {
      ...{ answered: ignore, shed: ignore, batchDecided: ignore },
      ...{ batchUnknown: ignore, batchResolved: ignore },
    },
    log: { warn: ignore },
    newBatchId: newId,
    couponGone: ignore,
    soldOut: ignore,
  });
  return {
    knownCoupons,
    lanes,
    claimCoupon: claimCouponWith({ knownCoupons, lanes, newClaimId: newId }),
  };
}

/** A claim in order of arrival; `pause` lets what is under way go on before the next one. */
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
  // Of one coupon claims gather in batches, of several they go in bundles.
  amounts: fc.array(fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 60 })), {
    ...{ minLength: 1, maxLength: couponsMax },
  }),
  claims: fc.array(aClaim, { minLength: 1, maxLength: 150, size: 'max' }),
  batchMax: fc.integer({ min: 1, max: 20 }),
  commitsUnderWayMax: fc.integer({ min: 1, max: 3 }),
  chance: fc.constantFrom(0, 0.05, 0.3),
  seed: fc.integer(),
});

type Told = { word: string; claimId?: string; position?: number };

const telling = (claim: ReturnType<ClaimCoupon>): Promise<Told> =>
  claim.then(
    (outcome) =>
      'claim' in outcome
        ? {
            word: outcome.outcome,
            claimId: outcome.claim.claimId,
            position: outcome.claim.position,
          }
        : { word: outcome.outcome },
    (error: AppError) => ({ word: error.code }),
  );

describe('claims that arrive in any order, together or apart, over connections that lose answers', () => {
  it('are decided as if one came after the other, and those refused leave no trace', async () => {
    await fc.assert(
      fc.asyncProperty(aRun, async ({ amounts, claims, chance, seed, ...limits }) => {
        runCount += 1;
        const names = amounts.map((_, index) => `run-${runCount}-${index}`);
        for (const [index, amount] of amounts.entries()) {
          await stores.createCoupon(names[index] ?? '', amount);
        }
        const store = losing(stores.claims, chance, seededRandom(seed));
        const { knownCoupons, lanes, claimCoupon } = engineOver(store, limits);
        for (const name of names) await knownCoupons.find(name);

        const asks = claims.map(({ coupon, user, key, bad }) => ({
          couponName: names[coupon % names.length] ?? '',
          // The database refuses a NUL; the entrypoints let none through.
          userId: bad ? `user-${user}\0` : `user-${user}`,
          idempotencyKey: key === undefined ? undefined : `key-${key}`,
        }));
        const answers: Promise<Told>[] = [];
        for (const [index, ask] of asks.entries()) {
          answers.push(telling(claimCoupon(ask)));
          const pause = claims[index]?.pause;
          if (pause === 'a turn') await new Promise((resolve) => setImmediate(resolve));
          if (pause === 'until all are answered') await Promise.all(answers);
        }
        const told = await Promise.all(answers);
        for (const { word } of told) wordsSeen.add(word);
        await lanes.stop(1_000);

        const models = new Map(
          names.map((name, index) => [name, new CouponModel(amounts[index] ?? 0)]),
        );
        for (const [index, ask] of asks.entries()) {
          const answer = told[index] ?? { word: 'nothing' };
          if (answer.word === 'unavailable' || claims[index]?.bad) {
            expect(answer.word).toBe('unavailable');
            continue;
          }
          const model = models.get(ask.couponName);
          const claimId = answer.word === 'claimed' ? (answer.claimId ?? '') : newId();
          expect(answer.word).toBe(model?.decide({ ...ask, claimId }).outcome);
          if (answer.claimId === undefined) continue;
          const held = model?.claimsByUser.get(ask.userId);
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
    // A run that met nothing proves nothing.
    expect([...wordsSeen].sort()).toEqual([
      ...['already_claimed', 'claimed', 'replayed', 'sold_out', 'unavailable'],
    ]);
    for (const [what, count] of Object.entries(bundles)) {
      expect(count, `bundles: ${what}`).toBeGreaterThan(0);
    }
  });
});

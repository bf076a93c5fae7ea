// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Claims and changes of claims by several engines, over connections that lose answers: each has its effect exactly
 * once.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { changeClaimWith } from '../../src/core/claims/change-claim.ts';
import type { ChangeClaimOutcome, ClaimOutcome } from '../../src/core/claims/claim.ts';
import { ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import type { ClaimStore } from '../../src/core/claims/ports.ts';
import type { AppError } from '../../src/core/errors.ts';
import { AnnouncementWaits } from '../../src/core/stock/announcement-waits.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { losing } from '../support/losing-store.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 40);
const couponsMax = 2;

let database: TestDatabase;
let stores: Stores;
let runCount = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** An engine whose waits take a twentieth of the time. */
function engineOver(store: ClaimStore) {
  const ignore = () => undefined;
  const clock: typeof systemClock = {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
  };
  const lanes = new ClaimLanes({
    ...{ store, clock, newBatchId: newId, log: { warn: ignore } },
    limits: {
      ...{ batchMax: 20, commitsUnderWayMax: 2, laneWaitingMax: 1_000, waitMaxMs: 60_000 },
      ...{ lanesMax: 10, waitingMax: 1_000, timeoutMs: 120_000 },
    },
    metrics: {
      ...{ answered: ignore, shed: ignore, batchDecided: ignore },
      ...{ batchUnknown: ignore, batchResolved: ignore },
    },
    ...{ onCouponNotFound: ignore, onSoldOut: ignore, onChanged: ignore },
  });
  const announced = { clock, stopping: new AbortController().signal };
  const changeClaim = changeClaimWith({
    ...announced,
    send: (command) => lanes.change(command),
    waits: new AnnouncementWaits({ ...announced, waitingMax: 1_000 }),
  });
  return { lanes, changeClaim };
}

const anAct = fc.record({
  kind: fc.constantFrom('claim', 'claim', 'confirm', 'release', 'redeem'),
  engine: fc.nat(1),
  namesClaim: fc.boolean(),
});

/** Two clients of each user, who send their acts one after the other. */
const aRun = fc.record({
  amount: fc.integer({ min: 2, max: 12 }),
  hasHolds: fc.boolean(),
  clients: fc.array(
    fc.record({
      coupon: fc.nat(couponsMax - 1),
      user: fc.nat(4),
      acts: fc.array(anAct, { minLength: 1, maxLength: 8, size: 'max' }),
    }),
    { minLength: 2, maxLength: 12, size: 'max' },
  ),
  chance: fc.constantFrom(0.05, 0.3),
  seed: fc.integer(),
});

type Run = typeof aRun extends fc.Arbitrary<infer Value> ? Value : never;

/** What clients were answered, as texts: `claim <id>`, `confirm <id>`, ... for each effect. */
async function play(
  { amount, hasHolds, clients, chance, seed }: Run,
  defect: (store: ClaimStore) => ClaimStore,
) {
  runCount += 1;
  const names = Array.from({ length: couponsMax }, (_, index) => `run-${runCount}-${index}`);
  for (const name of names) await stores.createCoupon(name, amount);
  if (hasHolds) {
    await database.query('update coupons set hold_seconds = 3600 where name = any ($1)', [names]);
  }
  const random = seededRandom(seed);
  const engines = [0, 1].map(() => engineOver(losing(defect(stores.claims), chance, random)));
  const effects: string[] = [];
  const others = new Set<string>();
  await Promise.all(
    clients.map(async ({ coupon, user, acts }) => {
      const [couponName, userId] = [names[coupon] ?? '', `user-${user}`];
      let known: string | undefined;
      for (const { kind, engine: index, namesClaim } of acts) {
        const engine = engines[index] ?? engineOver(stores.claims);
        const answer = (
          kind === 'claim'
            ? engine.lanes.claim({
                ...{ couponName, userId, claimId: newId(), idempotencyKey: undefined },
              })
            : engine.changeClaim({
                ...{ change: kind, couponName, userId, claimId: namesClaim ? known : undefined },
                ...{ idempotencyKey: undefined, reason: undefined, isFinal: false, by: byTest },
                mayReleaseConfirmed: true,
              })
        ) as Promise<ClaimOutcome | ChangeClaimOutcome>;
        // Refused before it was sent, while a batch in doubt could not be resolved. Any other fault fails the test.
        const outcome = await answer.catch((error: AppError) => {
          if (error.code !== 'unavailable') throw error;
          return { outcome: 'unavailable' as const };
        });
        if ('claim' in outcome) known = outcome.claim?.claimId;
        if (outcome.outcome === 'claimed' || outcome.outcome === 'changed') {
          effects.push(`${kind} ${known}`);
        } else others.add(outcome.outcome);
      }
    }),
  );
  for (const { lanes } of engines) await lanes.drain(1_000);
  return { names, effects: effects.sort(), others };
}

/** The effects that the database has of these coupons. */
async function effectsIn(names: string[]): Promise<string[]> {
  const rows = await database.query<{ effect: string }>(
    `with ours as (select id from coupons where name = any ($1)),
       every as (
         select claim_id, confirmed_at, false as is_released from claims where coupon_id in (table ours)
         union all
         select claim_id, confirmed_at, true from released_claims where coupon_id in (table ours)
       )
     select 'claim ' || claim_id as effect from every
     union all select 'confirm ' || claim_id from every where confirmed_at is not null
     union all select 'release ' || claim_id from every where is_released
     union all select 'redeem ' || claim_id from redemptions where coupon_id in (table ours)`,
    [names],
  );
  return rows.map(({ effect }) => effect).sort();
}

describe('claims and their changes over connections that lose answers', () => {
  it('are each answered with their effect, which they have once', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(aRun, async (run) => {
        const { names, effects, others } = await play(run, (store) => store);
        expect(effects).toEqual(await effectsIn(names));
        for (const outcome of others) seen.add(outcome);
      }),
      { numRuns: runs },
    );
    expect(await auditRecords(database.query)).toEqual([]);
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'already_claimed',
        'already_redeemed',
        'claim_mismatch',
        'unchanged',
      ]),
    );
  });

  it('are found with another answer where the changes of a batch in doubt are decided again', async () => {
    const forgetful = (store: ClaimStore): ClaimStore => ({
      ...store,
      async resolveBatch(couponName, batchId) {
        const resolution = await store.resolveBatch(couponName, batchId);
        return resolution.kind === 'void' ? resolution : { kind: 'committed', changes: [] };
      },
    });
    const result = await fc.check(
      fc.asyncProperty(aRun, async (run) => {
        const { names, effects } = await play({ ...run, chance: 0.3 }, forgetful);
        expect(effects).toEqual(await effectsIn(names));
      }),
      { numRuns: runs, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });
});

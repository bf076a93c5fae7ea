// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches of claims and changes of claims, decided by PostgreSQL and by the model. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchCommand } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import {
  type ChangeRequest,
  type ClaimRequest,
  CouponModel,
  type Decision,
  type ModelClaim,
} from '../support/sale-model.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { sweepHolds } from '../support/sweep-holds.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 60);

let database: TestDatabase;
let stores: Stores;
let runCount = 0;
const seen = new Set<string>();

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** One coupon of a run. In the model no time passes: a hold has expired when its end is set to 0. */
type Sale = {
  name: string;
  model: CouponModel;
  announcements: { database: string; model: string }[];
};

const kinds = ['claim', 'confirm', 'release', 'redeem'] as const;

const aCommand = fc.record({
  kind: fc.constantFrom(...kinds),
  user: fc.nat(5),
  /** Which claim of the user a change names; the oldest one is released, if there is another. */
  names: fc.constantFrom('none', 'live', 'last', 'oldest', 'unknown'),
  key: fc.option(fc.nat(1), { nil: undefined }),
  isAnnounced: fc.boolean(),
  isOperator: fc.boolean(),
  isFinal: fc.integer({ min: 0, max: 9 }).map((value) => value === 0),
});

// Batches of one kind, of users who are all different, take another path through the SQL.
const aCrowd = fc
  .record({ like: aCommand, users: fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 10 }) })
  .map(({ like, users }) => users.map((user) => ({ ...like, user })));

const aStep = fc.record({
  commands: fc.oneof(
    { weight: 3, arbitrary: fc.array(aCommand, { minLength: 1, maxLength: 8 }) },
    { weight: 2, arbitrary: aCrowd },
  ),
  /** How many holds have expired before the batch, in order of position. */
  expired: fc.oneof(fc.constant(0), fc.nat(4)),
});

/** A run with the cases that few random runs meet. */
const rarely = {
  ...{ amount: 2, hasHolds: true },
  steps: (
    [
      ['claim', 'none'],
      ['redeem', 'none'],
      ['release', 'live'],
      ['claim', 'none'],
      ['release', 'live'],
      ['claim', 'none'],
    ] as const
  ).map(([kind, names]) => ({
    commands: [
      {
        ...{ kind, names, user: 0, key: undefined },
        ...{ isAnnounced: false, isOperator: false, isFinal: false },
      },
    ],
    expired: 0,
  })),
};

type Command = typeof aCommand extends fc.Arbitrary<infer Value> ? Value : never;
type Step = typeof aStep extends fc.Arbitrary<infer Value> ? Value : never;

/** The command as the model and the database get it. */
function build({ name, model, announcements }: Sale, command: Command) {
  const userId = `user-${command.user}`;
  const idempotencyKey = command.key === undefined ? undefined : `key-${command.key}`;
  if (command.kind === 'claim') {
    const request: ClaimRequest = { userId, claimId: newId(), idempotencyKey };
    return { request, sent: { ...request, couponName: name } };
  }
  const ended = model.released.filter((claim) => claim.userId === userId);
  const claimId = {
    none: undefined,
    live: model.claimsByUser.get(userId)?.claimId,
    last: ended.toSorted((one, other) => one.position - other.position).at(-1)?.claimId,
    oldest: ended.toSorted((one, other) => one.position - other.position)[0]?.claimId,
    unknown: newId(),
  }[command.names];
  const isRelease = command.kind === 'release';
  const announcement = isRelease && command.isAnnounced ? announcements.at(-1) : undefined;
  const request: ChangeRequest = {
    ...{ change: command.kind, userId, claimId },
    idempotencyKey: command.kind === 'redeem' ? idempotencyKey : undefined,
    reason: isRelease && command.key === 1 ? 'paid late' : undefined,
    isFinal: isRelease && command.isOperator && command.isFinal,
    mayReleaseConfirmed: command.isOperator,
  };
  return {
    request: { ...request, announcement: announcement?.model },
    sent: { ...request, couponName: name, by: byTest, announcement: announcement?.database },
  };
}

type SeenDecision = Omit<Decision, 'claim'> & {
  claim?: (ModelClaim & { reason?: string | undefined }) | undefined;
};

const idOf = (claim: ModelClaim | undefined) => claim && [claim.claimId, claim.position];

/** What both say in the same way. A release of a hold that has expired may be the first to write that down, or not. */
function summaryOf({ outcome, claim, lastClaim }: SeenDecision) {
  const hasExpired = (claim?.reason ?? claim?.released?.reason) === 'expired';
  return [
    hasExpired ? outcome.replace(/^changed/, 'unchanged') : outcome,
    idOf(claim),
    idOf(lastClaim),
  ];
}

async function take(sale: Sale, { commands, expired }: Step): Promise<void> {
  const { name, model } = sale;
  const holds = model.claims.filter(({ expiresMs }) => expiresMs !== undefined).slice(0, expired);
  for (const hold of holds) hold.expiresMs = 0;
  await database.query(
    `update claims set expires_at = now() - interval '1 hour'
     where claim_id = any ($1) and expires_at is not null`,
    [holds.map(({ claimId }) => claimId)],
  );

  const built = commands.map((command) => build(sale, command));
  const batchId = newId();
  const answer = await stores.claims.decideBatch({
    ...{ batchId, couponName: name },
    commands: built.map(({ sent }) => sent as BatchCommand),
  });
  const decisions = model.decideBatch(
    built.map(({ request }) => request),
    { batchId, ms: 0 },
  );
  if (answer.kind !== 'decided') throw new Error('the batch was not decided', { cause: answer });
  expect(answer.outcomes.map((one) => summaryOf(one as unknown as Decision))).toEqual(
    decisions?.map((one) => summaryOf(one)),
  );
  for (const [index, outcome] of answer.outcomes.entries()) {
    seen.add(`${commands[index]?.kind} ${outcome.outcome}`);
    const announcement = decisions?.[index]?.announcement;
    if (outcome.outcome === 'announced' && announcement !== undefined) {
      sale.announcements.push({ database: outcome.announcement, model: announcement });
    }
  }
  await expectRecord(sale, batchId);
  // The database may reclaim more units than the batch needs. So all holds that have expired are released now.
  await sweepHolds(database, name);
  model.sweep(Number.POSITIVE_INFINITY, { batchId: newId(), ms: 0 });
}

/** What the batch has changed, as a lost answer would be resolved, but for the holds that it found expired. */
async function expectRecord({ name, model }: Sale, batchId: string): Promise<void> {
  const resolution = await stores.claims.resolveBatch(name, batchId);
  const row = model.ledger.find((one) => one.batchId === batchId);
  if (row === undefined && resolution.kind === 'void') model.voidBatch({ batchId, ms: 0 });
  const letters = { confirm: 'C', release: 'R', redeem: 'U' };
  const changes = resolution.kind === 'void' ? [] : resolution.changes;
  expect(
    changes
      .filter(({ claim }) => claim.reason !== 'expired')
      .map(({ change, claim }) => `${letters[change]}${claim.position}`)
      .sort(),
  ).toEqual((row?.changes ?? []).filter((one) => !one.startsWith('E')).sort());
}

async function expectTables({ name, model }: Sale): Promise<void> {
  const ofCoupon = 'join coupons c on c.id = k.coupon_id where c.name = $1 order by k.position';
  const claims = await database.query(
    `select k.position, k.claim_id as "claimId", k.expires_at is not null as "isReserved",
       exists (select from redemptions r where r.claim_id = k.claim_id) as "isRedeemed"
     from claims k ${ofCoupon}`,
    [name],
  );
  expect(claims).toEqual(
    model.claims.map(({ position, claimId, expiresMs, redeemed }) => ({
      ...{ position, claimId, isReserved: expiresMs !== undefined },
      isRedeemed: redeemed !== undefined,
    })),
  );
  const released = await database.query(
    `select k.position, k.claim_id as "claimId", k.reason, k.is_final as "isFinal"
     from released_claims k ${ofCoupon}`,
    [name],
  );
  expect(released).toEqual(
    model.released
      .toSorted((one, other) => one.position - other.position)
      .map(({ position, claimId, released }) => ({
        ...{ position, claimId, reason: released?.reason ?? null },
        isFinal: released?.isFinal,
      })),
  );
  expect((await stores.soldOut.readStock([name])).get(name)).toMatchObject({
    ...{ amount: model.amount, remainingAmount: model.remaining, stockAnnounced: model.announced },
  });
}

describe('a random sequence of claims, confirms, releases, redemptions and holds that expire', () => {
  it('is decided like the model decides it, and leaves consistent records', async () => {
    const aRun = fc.record({
      amount: fc.integer({ min: 1, max: 6 }),
      hasHolds: fc.boolean(),
      steps: fc.array(aStep, { minLength: 1, maxLength: 20, size: 'max' }),
    });
    await fc.assert(
      fc.asyncProperty(aRun, async ({ amount, hasHolds, steps }) => {
        runCount += 1;
        const sale: Sale = {
          ...{ name: `run-${runCount}`, model: new CouponModel(amount), announcements: [] },
        };
        await stores.createCoupon(sale.name, amount);
        await database.query('update coupons set claims_per_user_max = 2 where name = $1', [
          sale.name,
        ]);
        sale.model.claimsPerUserMax = 2;
        if (hasHolds) {
          await database.query('update coupons set hold_seconds = 3600 where name = $1', [
            sale.name,
          ]);
          sale.model.holdMs = 3_600_000;
        }
        for (const next of steps) await take(sale, next);
        await expectTables(sale);
      }),
      { numRuns: runs, examples: [[rarely]] },
    );
    // Here a hold ends when a run says so.
    const rules = consistencyRules.filter(({ name }) => name !== 'holds-last-hold-seconds');
    expect(await auditRecords(database.query, rules)).toEqual([]);
    // The runs must have met every case.
    expect([...seen].sort()).toEqual(
      [
        ...['already_claimed', 'claim_limit_reached', 'claim_released', 'claimed', 'hold_expired'],
        ...['replayed', 'sold_out'],
      ]
        .map((outcome) => `claim ${outcome}`)
        .concat(
          ['changed', 'unchanged'].map((outcome) => `confirm ${outcome}`),
          ['changed', 'unchanged', 'forbidden', 'announced'].map((outcome) => `release ${outcome}`),
          ['changed', 'replayed', 'not_confirmed'].map((outcome) => `redeem ${outcome}`),
          ['confirm', 'release', 'redeem'].flatMap((kind) =>
            ['already_redeemed', 'claim_mismatch', 'claim_not_found'].map(
              (one) => `${kind} ${one}`,
            ),
          ),
          ['confirm', 'redeem'].flatMap((kind) =>
            ['claim_released', 'hold_expired'].map((outcome) => `${kind} ${outcome}`),
          ),
        )
        .sort(),
    );
  });
});

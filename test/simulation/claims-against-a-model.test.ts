// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { type ClaimRequest, CouponModel } from '../support/sale-model.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const runs = Number(process.env.SIMULATION_RUNS ?? 150);
const couponsPerRun = 3;

let database: TestDatabase;
let stores: Stores;
let runCount = 0;
const outcomesSeen = new Set<string>();
const additionsSeen = new Set<string>();

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** Sale windows. Their times are far from now, so a run never reaches one. */
const windows = {
  always: { opensAt: null, closesAt: null },
  scheduled: { opensAt: '2100-01-01T00:00:00Z', closesAt: null },
  opened: { opensAt: '2000-01-01T00:00:00Z', closesAt: '2100-01-01T00:00:00Z' },
  over: { opensAt: '2000-01-01T00:00:00Z', closesAt: '2001-01-01T00:00:00Z' },
} as const;

/** One coupon of a run: the model, and what was sent for it so far. */
type Sale = {
  name: string;
  model: CouponModel;
  batches: { id: string; requests: ClaimRequest[] }[];
  announcements: string[];
};

const aCoupon = fc.nat(couponsPerRun - 1);
const aRequest = fc.record({ user: fc.nat(9), key: fc.option(fc.nat(1), { nil: undefined }) });
// Users who are all new and all different take another path through the SQL than users who repeat a claim.
const aCrowd = fc
  .record({ first: fc.nat(30), size: fc.integer({ min: 1, max: 15 }) })
  .map(({ first, size }) =>
    Array.from({ length: size }, (_, index) => ({ user: first + index, key: undefined })),
  );
const aPast = fc.nat(50);

const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: step('claim', { requests: fc.array(aRequest, { minLength: 1, maxLength: 12 }) }),
  },
  { weight: 4, arbitrary: step('claim', { requests: aCrowd }) },
  { weight: 2, arbitrary: step('send again', { past: aPast, sameBatch: fc.boolean() }) },
  { weight: 2, arbitrary: step('void', { past: fc.option(aPast, { nil: undefined }) }) },
  {
    weight: 1,
    arbitrary: step('arrive late', {
      requests: fc.array(aRequest, { minLength: 1, maxLength: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: step('add stock', {
      ...{ units: fc.integer({ min: 1, max: 5 }), again: fc.boolean() },
      // The last one, or one that may be void by now.
      announcement: fc.option(fc.nat(2), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: step('pause', { paused: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: step('set window', {
      window: fc.constantFrom(...(Object.keys(windows) as (keyof typeof windows)[])),
    }),
  },
);

function step<Kind extends string, Parts extends object>(
  kind: Kind,
  parts: { [Part in keyof Parts]: fc.Arbitrary<Parts[Part]> },
) {
  return fc.record({ kind: fc.constant(kind), coupon: aCoupon, ...parts }) as fc.Arbitrary<
    { kind: Kind; coupon: number } & Parts
  >;
}

type Step = typeof aStep extends fc.Arbitrary<infer Value> ? Value : never;

const toRequests = (requests: { user: number; key: number | undefined }[]): ClaimRequest[] =>
  requests.map(({ user, key }) => ({
    ...{ userId: `user-${user}`, claimId: newId() },
    idempotencyKey: key === undefined ? undefined : `key-${key}`,
  }));

async function sendBatch(sale: Sale, batchId: string, requests: ClaimRequest[]): Promise<void> {
  const answer = await stores.claims.decideBatch({
    ...{ batchId, couponName: sale.name },
    commands: requests.map((request) => ({ ...request, couponName: sale.name })),
  });
  const decisions = sale.model.decideBatch(requests, { batchId, ms: Date.now() });
  const expected = decisions?.map(({ outcome }) => outcome);
  expect(outcomesOf(answer)).toEqual(expected ?? ['refused: broken']);
  for (const outcome of outcomesOf(answer)) outcomesSeen.add(outcome);
  if (answer.kind !== 'decided') return;
  for (const [index, outcome] of answer.outcomes.entries()) {
    if (!('claim' in outcome)) continue;
    const held = sale.model.claimsByUser.get(requests[index]?.userId ?? '');
    expect(outcome.claim).toMatchObject({ claimId: held?.claimId, position: held?.position });
  }
}

async function take(sale: Sale, next: Step): Promise<void> {
  const { name, model, batches } = sale;
  const past =
    'past' in next && next.past !== undefined
      ? batches[next.past % (batches.length || 1)]
      : undefined;
  switch (next.kind) {
    case 'claim': {
      const batch = { id: newId(), requests: toRequests(next.requests) };
      batches.push(batch);
      return sendBatch(sale, batch.id, batch.requests);
    }
    case 'send again':
      return past && sendBatch(sale, next.sameBatch ? past.id : newId(), past.requests);
    case 'void': {
      const id = past?.id ?? newId();
      expect((await stores.claims.resolveBatch(name, id)).kind).toBe(
        model.voidBatch({ batchId: id, ms: Date.now() }),
      );
      return;
    }
    case 'arrive late': {
      const id = newId();
      expect((await stores.claims.resolveBatch(name, id)).kind).toBe(
        model.voidBatch({ batchId: id, ms: Date.now() }),
      );
      return sendBatch(sale, id, toRequests(next.requests));
    }
    case 'add stock': {
      const batchId = newId();
      const { units } = next;
      const announcement =
        next.announcement === undefined ? undefined : sale.announcements.at(-1 - next.announcement);
      for (const _ of next.again ? [1, 2] : [1]) {
        const expected = model.addStock(units, { batchId, announcement, ms: Date.now() });
        const added = await stores.coupons.addStock({ name, units, batchId, announcement }, byTest);
        additionsSeen.add(
          typeof expected === 'string'
            ? `${expected}, ${announcement === undefined ? 'not announced' : 'announced'}`
            : `to be announced${announcement === undefined ? '' : ' again'}`,
        );
        if (typeof expected === 'object') {
          expect(added).toEqual(expected);
          sale.announcements.push(expected.announcement);
          continue;
        }
        expect(added).toMatchObject({
          replayed: expected === 'replayed',
          coupon: { amount: model.amount, remainingAmount: model.remaining },
        });
      }
      return;
    }
    case 'pause':
      model.paused = next.paused;
      await stores.coupons.changeCoupon(name, { paused: next.paused }, byTest);
      return;
    case 'set window': {
      const { opensAt, closesAt } = windows[next.window];
      model.window = {
        ...(opensAt !== null && { opensMs: Date.parse(opensAt) }),
        ...(closesAt !== null && { closesMs: Date.parse(closesAt) }),
      };
      await stores.coupons.changeCoupon(name, { opensAt, closesAt }, byTest);
    }
  }
}

async function expectTables({ name, model }: Sale): Promise<void> {
  const claims = await database.query(
    `select k.user_id as "userId", k.claim_id as "claimId", k.position,
       k.idempotency_key as "idempotencyKey"
     from claims k join coupons c on c.id = k.coupon_id where c.name = $1 order by k.position`,
    [name],
  );
  expect(claims).toEqual(
    model.claims.map(({ userId, claimId, position, idempotencyKey = null }) => ({
      ...{ userId, claimId, position, idempotencyKey },
    })),
  );
  const ledger = await database.query(
    `select l.kind, l.units, l.remaining_after as remaining
     from stock_ledger l join coupons c on c.id = l.coupon_id where c.name = $1 order by l.seq`,
    [name],
  );
  expect(ledger).toEqual(
    model.ledger.map(({ kind, units, remaining }) => ({ kind, units, remaining })),
  );
  expect((await stores.coupons.readCoupons([name])).get(name)).toMatchObject({
    ...{ amount: model.amount, remainingAmount: model.remaining, paused: model.paused },
    holders: model.claims.map(({ userId }) => userId),
  });
  const last = model.claims.at(-1);
  expect((await stores.soldOut.readStock([name])).get(name)).toMatchObject({
    ...{ amount: model.amount, remainingAmount: model.remaining, stockAnnounced: model.announced },
    lastClaim: last ? { position: last.position, claimId: last.claimId } : null,
  });
}

/** Additions under an announcement, repeated, and under one that is used up: random runs seldom meet them. */
const announcedTwice = {
  amounts: [1, 1, 1],
  steps: [
    { kind: 'claim', coupon: 0, requests: [{ user: 1, key: undefined }] },
    { kind: 'add stock', coupon: 0, units: 1, again: false, announcement: undefined },
    { kind: 'add stock', coupon: 0, units: 1, again: true, announcement: 0 },
    { kind: 'claim', coupon: 0, requests: [{ user: 2, key: undefined }] },
    { kind: 'add stock', coupon: 0, units: 1, again: false, announcement: 0 },
  ] satisfies Step[],
};

describe('a random sequence of batches, changes, additions and void marks', () => {
  it('is decided like the model decides it, and leaves consistent records', async () => {
    const aRun = fc.record({
      amounts: fc.array(fc.integer({ min: 1, max: 20 }), {
        ...{ minLength: couponsPerRun, maxLength: couponsPerRun },
      }),
      steps: fc.array(aStep, { minLength: 1, maxLength: 40, size: 'max' }),
    });
    await fc.assert(
      fc.asyncProperty(aRun, async ({ amounts, steps }) => {
        runCount += 1;
        const sales: Sale[] = [];
        for (const [index, amount] of amounts.entries()) {
          const name = `run-${runCount}-${index}`;
          await stores.createCoupon(name, amount);
          sales.push({ name, model: new CouponModel(amount), batches: [], announcements: [] });
        }
        for (const next of steps) {
          const sale = sales[next.coupon];
          if (sale !== undefined) await take(sale, next);
        }
        for (const sale of sales) await expectTables(sale);
      }),
      { numRuns: runs, examples: [[announcedTwice]] },
    );
    expect(await auditRecords(database.query)).toEqual([]);
    // The runs must have met every case.
    expect([...outcomesSeen].sort()).toEqual([
      ...['already_claimed', 'claimed', 'closed', 'not_open', 'paused', 'refused: broken'],
      ...['replayed', 'sold_out'],
    ]);
    expect([...additionsSeen].sort()).toEqual([
      ...['added, announced', 'added, not announced'],
      ...['replayed, announced', 'replayed, not announced'],
      ...['to be announced', 'to be announced again'],
    ]);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimCommand } from '../../src/core/claims/claim.ts';
import type { BatchAnswer, ClaimBatch, MultiCouponAnswer } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

// A multi-coupon batch that waits for a lock gives up soon.
const lockTimeoutMs = 300;

let database: TestDatabase;
let stores: Stores;
let coupons = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url, { lockTimeoutMs });
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await stores.close();
  await database.drop();
});

async function newCoupon(amount = 10): Promise<string> {
  coupons += 1;
  const name = `coupon-${coupons}`;
  await stores.createCoupon(name, amount);
  return name;
}

async function newCoupons(count: number, amount?: number): Promise<string[]> {
  const names: string[] = [];
  while (names.length < count) names.push(await newCoupon(amount));
  return names;
}

const setCoupon = (name: string, set: string) =>
  database.query(`update coupons set ${set} where name = $1`, [name]);

/** A batch with one claim, with a new claim id unless one is given. */
function batchOf(
  couponName: string,
  claim: string | (Pick<ClaimCommand, 'userId'> & Partial<ClaimCommand>),
): ClaimBatch {
  const part = typeof claim === 'string' ? { userId: claim } : claim;
  const command = { claimId: newId(), idempotencyKey: undefined, couponName, ...part };
  return { batchId: newId(), couponName, commands: [command] };
}

/** The outcome of each claim, or `undecided`; else the kind and reason of the whole answer. */
function multiCouponOutcomes(answer: MultiCouponAnswer): string[] {
  if (answer.kind !== 'decided') return outcomesOf(answer);
  return answer.outcomes.map((outcome) => outcome?.outcome ?? 'undecided');
}

/** Each coupon with the numbers of its claims and of its ledger entries. */
const recordsOf = (names: readonly string[]) =>
  database.query(
    `select c.*, (select count(*) from claims k where k.coupon_id = c.id) as claims,
       (select count(*) from stock_ledger l where l.coupon_id = c.id) as entries
     from coupons c where c.name = any($1) order by c.id`,
    [names],
  );

const claimsOf = (answer: BatchAnswer) =>
  answer.kind === 'decided'
    ? answer.outcomes.flatMap((outcome) =>
        'claim' in outcome && outcome.claim ? [outcome.claim] : [],
      )
    : [];

const microseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('a multi-coupon batch', () => {
  it('gives each winner the next position and a time, and stores everything', async () => {
    const [first = '', second = ''] = await newCoupons(2);
    await stores.decide(second, ['x', 'y', 'z']);
    const batches = [
      batchOf(first, { userId: 'ada', idempotencyKey: 'one intent' }),
      batchOf(second, 'ada'),
    ];
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(answer).toEqual({
      kind: 'decided',
      commitSeconds: expect.any(Number),
      outcomes: batches.map(({ couponName, commands }, index) => ({
        outcome: 'claimed',
        claim: {
          ...{ claimId: commands[0]?.claimId, couponName, userId: 'ada' },
          ...{ position: [1, 4][index], claimedAt: expect.stringMatching(microseconds) },
          state: 'confirmed',
        },
      })),
    });

    const entries = await database.query(
      `select c.name, k.user_id, k.claim_id, k.idempotency_key, l.batch_id, l.kind, l.units,
         l.first_position, l.remaining_after, c.remaining_amount, l.seq = c.ledger_seq as is_last,
         k.claimed_at = l.recorded_at and c.decided_at = l.recorded_at as is_one_time
       from coupons c join stock_ledger l on l.coupon_id = c.id
       join claims k on k.coupon_id = c.id and k.position = l.first_position
       where l.batch_id = any($1) order by c.id`,
      [batches.map(({ batchId }) => batchId)],
    );
    expect(entries).toEqual(
      batches.map(({ batchId, couponName, commands: [command] }, index) => ({
        ...{ name: couponName, user_id: 'ada', claim_id: command?.claimId, batch_id: batchId },
        ...{ idempotency_key: command?.idempotencyKey ?? null, kind: 'claimed', units: 1 },
        ...{ first_position: [1, 4][index], remaining_after: [9, 6][index] },
        ...{ remaining_amount: [9, 6][index], is_last: true, is_one_time: true },
      })),
    );
    for (const [index, name] of [first, second].entries()) {
      const outcome = answer.kind === 'decided' ? answer.outcomes[index] : undefined;
      const claim = outcome && 'claim' in outcome ? outcome.claim : undefined;
      expect(await stores.reader.findClaim(name, 'ada')).toEqual(claim);
    }
  });

  it('gives the last unit of a coupon once', async () => {
    const name = await newCoupon(1);
    const outcomes = [];
    for (const userId of ['ada', 'eve']) {
      outcomes.push(
        ...multiCouponOutcomes(await stores.claims.claimMultiCoupon([batchOf(name, userId)])),
      );
    }
    expect(outcomes).toEqual(['claimed', 'undecided']);
  });

  it.each<[string, string, (name: string) => Promise<unknown>]>([
    ['the user holds the coupon', 'already_claimed', (name) => stores.decide(name, ['ada'])],
    [
      'the coupon is sold out',
      'sold_out',
      (name) =>
        stores.decide(
          name,
          range(10).map((user) => `user-${user}`),
        ),
    ],
    [
      'the sale is not yet open',
      'not_open',
      (name) => setCoupon(name, "opens_at = clock_timestamp() + interval '1 hour'"),
    ],
    [
      'the sale is closed',
      'closed',
      (name) => setCoupon(name, "closes_at = clock_timestamp() - interval '1 hour'"),
    ],
    ['the sale is paused', 'paused', (name) => setCoupon(name, 'paused = true')],
  ])('leaves a claim undecided when %s, and writes nothing of it', async (_, outcome, prepare) => {
    const [before = '', name = '', behind = ''] = await newCoupons(3);
    await prepare(name);
    const records = await recordsOf([name]);
    const batches = [batchOf(before, 'ada'), batchOf(name, 'ada'), batchOf(behind, 'ada')];
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(multiCouponOutcomes(answer)).toEqual(['claimed', 'undecided', 'claimed']);
    expect(await recordsOf([name])).toEqual(records);
    expect(outcomesOf(await stores.decide(name, ['ada']))).toEqual([outcome]);
  });

  it('leaves a claim undecided when there is no such coupon, alone or with others', async () => {
    const name = await newCoupon();
    const both = [batchOf('no such coupon', 'ada'), batchOf(name, 'ada')];
    expect(multiCouponOutcomes(await stores.claims.claimMultiCoupon(both))).toEqual([
      'undecided',
      'claimed',
    ]);
    const nowhere = [batchOf('no such coupon', 'ada'), batchOf('nor this one', 'ada')];
    expect(multiCouponOutcomes(await stores.claims.claimMultiCoupon(nowhere))).toEqual([
      ...['undecided', 'undecided'],
    ]);
  });

  it('leaves a claim undecided that is stored already, and a batch finds it by its id', async () => {
    const [name = '', other = ''] = await newCoupons(2);
    const claim = { userId: 'ada', claimId: newId() };
    await stores.claims.claimMultiCoupon([batchOf(name, claim), batchOf(other, claim.userId)]);
    const held = await stores.reader.findClaim(name, 'ada');
    const again = [batchOf(name, claim), batchOf(other, 'eve')];
    expect(multiCouponOutcomes(await stores.claims.claimMultiCoupon(again))).toEqual([
      'undecided',
      'claimed',
    ]);
    const answer = await stores.decide(name, [claim]);
    expect(outcomesOf(answer)).toEqual(['claimed']);
    expect(claimsOf(answer)).toEqual([held]);
  });

  it.each([
    ['eve\0', 'refused'],
    ['x'.repeat(256), 'invalid'],
  ])(
    'is refused with nothing stored when a value is not accepted by the database',
    async (user, reason) => {
      const names = await newCoupons(3);
      const records = await recordsOf(names);
      const users = ['ada', user, 'bob'];
      const batches = names.map((name, index) => batchOf(name, users[index] ?? ''));
      const answer = await stores.claims.claimMultiCoupon(batches);
      expect(multiCouponOutcomes(answer)).toEqual([`refused: ${reason}`]);
      expect(await recordsOf(names)).toEqual(records);
    },
  );
});

describe('a multi-coupon batch with coupons that other sessions have locked', () => {
  it('leaves their claims undecided at once, while the others win', async () => {
    const [free = '', held = '', alsoFree = ''] = await newCoupons(3);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select from coupons where name = $1 for update', [held]);
    const records = await recordsOf([held]);
    const batches = [batchOf(free, 'ada'), batchOf(held, 'ada'), batchOf(alsoFree, 'ada')];
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(multiCouponOutcomes(answer)).toEqual(['claimed', 'undecided', 'claimed']);
    await client.end();
    expect(await recordsOf([held])).toEqual(records);
    expect(outcomesOf(await stores.decide(held, ['ada']))).toEqual(['claimed']);
  });

  it('never fails when others lock them in the opposite order, and the records agree', async () => {
    const names = await newCoupons(12, 2_000);
    const other = openStores(database.url, { lockTimeoutMs });
    const orders = [names, names.toReversed()];
    const undecided: ClaimBatch[] = [];
    const roundsMin = 50;
    let sent = 0;
    const sendOn = async (from: Stores, order: readonly string[], who: string) => {
      // Until two have met, which takes more rounds on a machine that runs one process at a time.
      const isOver = (round: number) => round >= roundsMin && undecided.length > 0;
      for (let round = 0; !isOver(round) && round < 400; round += 1) {
        const batches = order.map((name) => batchOf(name, `${who}-${round}`));
        const outcomes = multiCouponOutcomes(await from.claims.claimMultiCoupon(batches));
        expect(outcomes.length).toBe(batches.length);
        expect(['claimed', 'undecided']).toEqual(expect.arrayContaining([...new Set(outcomes)]));
        undecided.push(...batches.filter((_, index) => outcomes[index] === 'undecided'));
        sent += batches.length;
      }
    };
    await Promise.all(
      [stores, other].flatMap((from, index) =>
        ['one', 'two'].map((loop) => sendOn(from, orders[index] ?? [], `${index}-${loop}`)),
      ),
    );
    // Otherwise no two of them met.
    expect(undecided.length).toBeGreaterThan(0);
    for (const couponName of names) {
      const left = undecided.filter((batch) => batch.couponName === couponName);
      const commands = left.flatMap((batch) => batch.commands);
      const answer = await stores.claims.decideBatch({ batchId: newId(), couponName, commands });
      expect(outcomesOf(answer)).toEqual(commands.map(() => 'claimed'));
    }
    await other.close();
    const stored = await stores.coupons.readCoupons(names);
    const sold = names.map((name) => 2_000 - (stored.get(name)?.remainingAmount ?? 0));
    expect(sold).toEqual(names.map(() => sent / names.length));
    expect(await auditRecords(database.query)).toEqual([]);
  });
});

describe('a void mark', () => {
  it('of one batch refuses the whole multi-coupon batch for good, with nothing stored', async () => {
    const names = await newCoupons(3);
    const batches = names.map((name) => batchOf(name, 'ada'));
    const [, marked] = batches;
    const mark = await stores.claims.resolveBatch(names[1] ?? '', marked?.batchId ?? '');
    expect(mark).toEqual({ kind: 'void' });
    const records = await recordsOf(names);
    for (const _ of range(2)) {
      const answer = await stores.claims.claimMultiCoupon(batches);
      expect(multiCouponOutcomes(answer)).toEqual(['refused: broken']);
    }
    expect(await recordsOf(names)).toEqual(records);
    // With other batch ids the same claims are new.
    const again = batches.map((batch) => ({ ...batch, batchId: newId() }));
    expect(multiCouponOutcomes(await stores.claims.claimMultiCoupon(again))).toEqual([
      ...['claimed', 'claimed', 'claimed'],
    ]);
  });

  it('returns for each batch of a multi-coupon batch whether it had committed', async () => {
    const [won = '', left = ''] = await newCoupons(2);
    await stores.decide(left, ['ada']);
    const batches = [batchOf(won, 'ada'), batchOf(left, 'ada')];
    await stores.claims.claimMultiCoupon(batches);
    const resolutions = batches.map(({ couponName, batchId }) =>
      stores.claims.resolveBatch(couponName, batchId),
    );
    expect(await Promise.all(resolutions)).toMatchObject([{ kind: 'committed' }, { kind: 'void' }]);
  });

  it('leaves the claim undecided while it is not committed', async () => {
    const [marked = '', other = ''] = await newCoupons(2);
    const batches = [batchOf(marked, 'ada'), batchOf(other, 'ada')];
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select settled from resolve_batch($1, $2)', [marked, batches[0]?.batchId]);
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(multiCouponOutcomes(answer)).toEqual(['undecided', 'claimed']);
    await client.query('commit');
    await client.end();
    expect(await stores.reader.findClaim(marked, 'ada')).toBeUndefined();
  });
});

describe('the time of a decision in a multi-coupon batch', () => {
  const future = '2100-01-01T00:00:00.000000Z';

  it("is never before the coupon's last decision, and differs by coupon", async () => {
    const [back = '', other = ''] = await newCoupons(2);
    await setCoupon(back, `decided_at = '${future}'`);
    await stores.claims.claimMultiCoupon([batchOf(back, 'ada'), batchOf(other, 'ada')]);
    expect(await stores.reader.findClaim(back, 'ada')).toMatchObject({ claimedAt: future });
    const now = await stores.reader.findClaim(other, 'ada');
    expect(now).not.toMatchObject({ claimedAt: future });
    expect(await recordsOf([back])).toMatchObject([{ decided_at: new Date(future) }]);
  });

  it('keeps a sale open that was seen open, and closed that was seen closed', async () => {
    const [opened = '', ended = ''] = await newCoupons(2);
    await setCoupon(opened, `opens_at = '2090-01-01T00:00:00Z', decided_at = '${future}'`);
    await setCoupon(ended, `closes_at = '2090-01-01T00:00:00Z', decided_at = '${future}'`);
    const answer = await stores.claims.claimMultiCoupon([
      batchOf(opened, 'ada'),
      batchOf(ended, 'ada'),
    ]);
    expect(multiCouponOutcomes(answer)).toEqual(['claimed', 'undecided']);
  });
});

describe('a batch', () => {
  it('gives positions in its order when all claims win', async () => {
    const name = await newCoupon(700);
    const users = range(700).map((user) => `user-${(user * 37) % 700}`);
    const answers = [
      await stores.decide(name, users.slice(0, 500)),
      await stores.decide(name, users.slice(500)),
    ];
    expect(answers.flatMap(claimsOf)).toEqual(
      users.map((userId, index) => expect.objectContaining({ userId, position: index + 1 })),
    );
    const page = await stores.reader.listClaims({ couponName: name, afterPosition: 0, limit: 700 });
    expect(page).toMatchObject({ claims: answers.flatMap(claimsOf) });
  });

  it.each([
    ['each user claims once', []],
    ['one user claims twice', [{ userId: 'n1' }]],
  ])('decides holders, replays and new users in one batch when %s', async (_, more) => {
    const name = await newCoupon(50);
    const sentBefore = { userId: 'resent', claimId: newId() };
    const keyed = { userId: 'keyed', idempotencyKey: 'one intent' };
    const before = await stores.decide(name, ['holder', sentBefore, keyed]);
    const answer = await stores.decide(name, [
      ...['n1', 'holder', 'n2', 'n3'],
      ...[keyed, sentBefore, 'n4', ...more],
    ]);
    const twice = more.map(() => 'already_claimed');
    expect(outcomesOf(answer)).toEqual([
      ...['claimed', 'already_claimed', 'claimed', 'claimed'],
      ...['replayed', 'claimed', 'claimed', ...twice],
    ]);
    const claims = claimsOf(answer);
    expect(claims.map(({ position }) => position)).toEqual([
      ...[4, 1, 5, 6, 3, 2, 7],
      ...more.map(() => 4),
    ]);
    expect([claims[1], claims[5], claims[4]]).toEqual(claimsOf(before));
  });

  it('stores nothing when it is sent with a wrong flag that all users differ', async () => {
    const name = await newCoupon();
    const records = await recordsOf([name]);
    const users = ['ada', 'eve', 'ada'];
    const deciding = database.query('select * from claim_batch_2($1, $2, $3, $4, $5, true)', [
      ...[newId(), name, users, users.map(() => newId()), users.map(() => null)],
    ]);
    await expect(deciding).rejects.toMatchObject({
      ...{ code: '23505', constraint: 'claims_one_per_user' },
    });
    expect(await recordsOf([name])).toEqual(records);
  });
});

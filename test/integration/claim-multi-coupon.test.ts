// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type {
  BatchAnswer,
  ClaimAttempt,
  ClaimBatch,
  MultiCouponAnswer,
} from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

// A bundle that waits for a lock gives up soon.
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

/** A batch with one claim, under a claim id of its own where none is given. */
function batchOf(
  couponName: string,
  ask: string | (Pick<ClaimAttempt, 'userId'> & Partial<ClaimAttempt>),
): ClaimBatch {
  const part = typeof ask === 'string' ? { userId: ask } : ask;
  const attempt = { claimId: newId(), idempotencyKey: undefined, couponName, ...part };
  return { batchId: newId(), couponName, attempts: [attempt] };
}

/** The word for each claim, `undecided` where there is none; else the bundle's kind and reason. */
function bundleWords(answer: MultiCouponAnswer): string[] {
  if (answer.kind !== 'decided') return outcomesOf(answer);
  return answer.outcomes.map((outcome) => outcome?.outcome ?? 'undecided');
}

/** Each coupon with the number of its claims and of its entries in the ledger. */
const booksOf = (names: readonly string[]) =>
  database.query(
    `select c.*, (select count(*) from claims k where k.coupon_id = c.id) as claims,
       (select count(*) from stock_ledger l where l.coupon_id = c.id) as entries
     from coupons c where c.name = any($1) order by c.id`,
    [names],
  );

const claimsOf = (answer: BatchAnswer) =>
  answer.kind === 'decided'
    ? answer.outcomes.flatMap((outcome) => ('claim' in outcome ? [outcome.claim] : []))
    : [];

const microseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('a bundle', () => {
  it('gives each winner his next position and a time, and stores all of it', async () => {
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
      outcomes: batches.map(({ couponName, attempts }, index) => ({
        outcome: 'claimed',
        claim: {
          ...{ claimId: attempts[0]?.claimId, couponName, userId: 'ada' },
          ...{ position: [1, 4][index], claimedAt: expect.stringMatching(microseconds) },
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
      batches.map(({ batchId, couponName, attempts: [attempt] }, index) => ({
        ...{ name: couponName, user_id: 'ada', claim_id: attempt?.claimId, batch_id: batchId },
        ...{ idempotency_key: attempt?.idempotencyKey ?? null, kind: 'claimed', units: 1 },
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
    const words = [];
    for (const userId of ['ada', 'eve']) {
      words.push(...bundleWords(await stores.claims.claimMultiCoupon([batchOf(name, userId)])));
    }
    expect(words).toEqual(['claimed', 'undecided']);
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
  ])('leaves a claim undecided when %s, and writes nothing of it', async (_, word, prepare) => {
    const [before = '', name = '', behind = ''] = await newCoupons(3);
    await prepare(name);
    const books = await booksOf([name]);
    const batches = [batchOf(before, 'ada'), batchOf(name, 'ada'), batchOf(behind, 'ada')];
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(bundleWords(answer)).toEqual(['claimed', 'undecided', 'claimed']);
    expect(await booksOf([name])).toEqual(books);
    expect(outcomesOf(await stores.decide(name, ['ada']))).toEqual([word]);
  });

  it('leaves a claim undecided when there is no such coupon, also with no other', async () => {
    const name = await newCoupon();
    const both = [batchOf('no such coupon', 'ada'), batchOf(name, 'ada')];
    expect(bundleWords(await stores.claims.claimMultiCoupon(both))).toEqual([
      'undecided',
      'claimed',
    ]);
    const nowhere = [batchOf('no such coupon', 'ada'), batchOf('nor this one', 'ada')];
    expect(bundleWords(await stores.claims.claimMultiCoupon(nowhere))).toEqual([
      ...['undecided', 'undecided'],
    ]);
  });

  it('leaves a claim undecided that is stored already, and a batch finds it by id', async () => {
    const [name = '', other = ''] = await newCoupons(2);
    const ask = { userId: 'ada', claimId: newId() };
    await stores.claims.claimMultiCoupon([batchOf(name, ask), batchOf(other, ask.userId)]);
    const held = await stores.reader.findClaim(name, 'ada');
    const again = [batchOf(name, ask), batchOf(other, 'eve')];
    expect(bundleWords(await stores.claims.claimMultiCoupon(again))).toEqual([
      'undecided',
      'claimed',
    ]);
    const answer = await stores.decide(name, [ask]);
    expect(outcomesOf(answer)).toEqual(['claimed']);
    expect(claimsOf(answer)).toEqual([held]);
  });

  it.each([
    ['eve\0', 'refused'],
    ['x'.repeat(256), 'invalid'],
  ])(
    'with a value that the database does not take is refused, with nothing stored',
    async (user, reason) => {
      const names = await newCoupons(3);
      const books = await booksOf(names);
      const users = ['ada', user, 'bob'];
      const batches = names.map((name, index) => batchOf(name, users[index] ?? ''));
      const answer = await stores.claims.claimMultiCoupon(batches);
      expect(bundleWords(answer)).toEqual([`refused: ${reason}`]);
      expect(await booksOf(names)).toEqual(books);
    },
  );
});

describe('a bundle over coupons that others have locked', () => {
  it('leaves those undecided at once, while the others win', async () => {
    const [free = '', held = '', alsoFree = ''] = await newCoupons(3);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select from coupons where name = $1 for update', [held]);
    const books = await booksOf([held]);
    const batches = [batchOf(free, 'ada'), batchOf(held, 'ada'), batchOf(alsoFree, 'ada')];
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(bundleWords(answer)).toEqual(['claimed', 'undecided', 'claimed']);
    await client.end();
    expect(await booksOf([held])).toEqual(books);
    expect(outcomesOf(await stores.decide(held, ['ada']))).toEqual(['claimed']);
  });

  it('never fails when others take them in the opposite order, and the books agree', async () => {
    const names = await newCoupons(12, 2_000);
    const other = openStores(database.url, { lockTimeoutMs });
    const orders = [names, names.toReversed()];
    const undecided: ClaimBatch[] = [];
    const untilMs = performance.now() + 1_000;
    let sent = 0;
    const sendOn = async (from: Stores, order: readonly string[], who: string) => {
      // Until they have met, which takes longer on a machine on which one at a time gets on.
      const isOver = () => performance.now() > untilMs && undecided.length > 0;
      for (let round = 0; !isOver() && round < 400; round += 1) {
        const batches = order.map((name) => batchOf(name, `${who}-${round}`));
        const words = bundleWords(await from.claims.claimMultiCoupon(batches));
        expect(words.length).toBe(batches.length);
        expect(['claimed', 'undecided']).toEqual(expect.arrayContaining([...new Set(words)]));
        undecided.push(...batches.filter((_, index) => words[index] === 'undecided'));
        sent += batches.length;
      }
    };
    await Promise.all(
      [stores, other].flatMap((from, index) =>
        ['one', 'two'].map((loop) => sendOn(from, orders[index] ?? [], `${index}-${loop}`)),
      ),
    );
    // Otherwise they never met.
    expect(undecided.length).toBeGreaterThan(0);
    for (const couponName of names) {
      const left = undecided.filter((batch) => batch.couponName === couponName);
      const attempts = left.flatMap((batch) => batch.attempts);
      const answer = await stores.claims.claimBatch({ batchId: newId(), couponName, attempts });
      expect(outcomesOf(answer)).toEqual(attempts.map(() => 'claimed'));
    }
    await other.close();
    const stored = await stores.coupons.readCoupons(names);
    const sold = names.map((name) => 2_000 - (stored.get(name)?.remainingAmount ?? 0));
    expect(sold).toEqual(names.map(() => sent / names.length));
    expect(await auditRecords(database.query)).toEqual([]);
  });
});

describe('a void mark', () => {
  it('of one batch refuses the whole bundle for good, with nothing stored', async () => {
    const names = await newCoupons(3);
    const batches = names.map((name) => batchOf(name, 'ada'));
    const [, marked] = batches;
    expect(await stores.claims.voidBatch(names[1] ?? '', marked?.batchId ?? '')).toBe('void');
    const books = await booksOf(names);
    for (const _ of range(2)) {
      const answer = await stores.claims.claimMultiCoupon(batches);
      expect(bundleWords(answer)).toEqual(['refused: broken']);
    }
    expect(await booksOf(names)).toEqual(books);
    // Under other batch ids the same claims are new.
    const again = batches.map((batch) => ({ ...batch, batchId: newId() }));
    expect(bundleWords(await stores.claims.claimMultiCoupon(again))).toEqual([
      ...['claimed', 'claimed', 'claimed'],
    ]);
  });

  it('tells of each batch of a bundle what became of it', async () => {
    const [won = '', left = ''] = await newCoupons(2);
    await stores.decide(left, ['ada']);
    const batches = [batchOf(won, 'ada'), batchOf(left, 'ada')];
    await stores.claims.claimMultiCoupon(batches);
    const settled = batches.map(({ couponName, batchId }) =>
      stores.claims.voidBatch(couponName, batchId),
    );
    expect(await Promise.all(settled)).toEqual(['committed', 'void']);
  });

  it('that is not committed yet leaves its claim undecided', async () => {
    const [marked = '', other = ''] = await newCoupons(2);
    const batches = [batchOf(marked, 'ada'), batchOf(other, 'ada')];
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select void_batch($1, $2)', [marked, batches[0]?.batchId]);
    const answer = await stores.claims.claimMultiCoupon(batches);
    expect(bundleWords(answer)).toEqual(['undecided', 'claimed']);
    await client.query('commit');
    await client.end();
    expect(await stores.reader.findClaim(marked, 'ada')).toBeUndefined();
  });
});

describe('the time of a decision in a bundle', () => {
  const future = '2100-01-01T00:00:00.000000Z';

  it("is never before the coupon's last one, and is each coupon's own", async () => {
    const [back = '', other = ''] = await newCoupons(2);
    await setCoupon(back, `decided_at = '${future}'`);
    await stores.claims.claimMultiCoupon([batchOf(back, 'ada'), batchOf(other, 'ada')]);
    expect(await stores.reader.findClaim(back, 'ada')).toMatchObject({ claimedAt: future });
    const now = await stores.reader.findClaim(other, 'ada');
    expect(now).not.toMatchObject({ claimedAt: future });
    expect(await booksOf([back])).toMatchObject([{ decided_at: new Date(future) }]);
  });

  it('keeps open what was seen open, and closed what was seen closed', async () => {
    const [opened = '', ended = ''] = await newCoupons(2);
    await setCoupon(opened, `opens_at = '2090-01-01T00:00:00Z', decided_at = '${future}'`);
    await setCoupon(ended, `closes_at = '2090-01-01T00:00:00Z', decided_at = '${future}'`);
    const answer = await stores.claims.claimMultiCoupon([
      batchOf(opened, 'ada'),
      batchOf(ended, 'ada'),
    ]);
    expect(bundleWords(answer)).toEqual(['claimed', 'undecided']);
  });
});

describe('a batch', () => {
  it('in which all win gives positions in the order of the batch', async () => {
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
    ['each asks once', []],
    ['one asks twice', [{ userId: 'n1' }]],
  ])(
    'of holders, of replays and of newcomers, of whom %s, gives each his word',
    async (_, more) => {
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
    },
  );

  it('told wrongly that nobody asks twice in it stores nothing', async () => {
    const name = await newCoupon();
    const books = await booksOf([name]);
    const users = ['ada', 'eve', 'ada'];
    const deciding = database.query('select * from claim_batch($1, $2, $3, $4, $5, true)', [
      ...[newId(), name, users, users.map(() => newId()), users.map(() => null)],
    ]);
    await expect(deciding).rejects.toMatchObject({
      ...{ code: '23505', constraint: 'claims_one_per_user' },
    });
    expect(await booksOf([name])).toEqual(books);
  });
});

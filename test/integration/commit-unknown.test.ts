// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type History, range, tally } from '../support/crowd.ts';
import { type Cut, seededRandom } from '../support/fault-proxy.ts';
import {
  type Asks,
  carries,
  couponNames,
  historiesOf,
  Limbo,
  lastOf,
  ways,
} from '../support/in-doubt.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const lockTimeoutMs = 300;

let database: TestDatabase;
let limbo: Limbo;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  limbo = await Limbo.start(database, { DATABASE_LOCK_TIMEOUT_MS: String(lockTimeoutMs), ...env });
}

afterEach(async () => {
  await limbo.stop();
});

const lanesOf = (asks: Asks) => couponNames(asks).length;

/** The sale is paused while nobody knows what became of its claims: those that are not stored are then refused. */
const pause = (asks: Asks) => limbo.setCoupons(asks, 'paused = true');

/** The sale goes on, and so would a batch of which nobody has made sure. */
async function expectTruth(asks: Asks, told: Promise<History>[], expected: object): Promise<void> {
  const histories = await Promise.all(told);
  expect(tally(lastOf(histories))).toEqual(expected);
  await limbo.setCoupons(asks, 'paused = false');
  expect(await limbo.lies(asks, histories)).toEqual([]);
}

const fates = ['before', 'before_reply'] as const;
const bothWays = ways.flatMap((way) => fates.map((fate) => [way, fate] as const));
const truths = { before: { '409 paused': 3 }, before_reply: { 200: 3 } };

describe.each(bothWays)('claims in a %s whose connection was cut %s', (way, fate) => {
  /** How often it was tried to settle a batch. */
  let tries = 0;

  beforeEach(() => start());

  /** Loses the claims, and calls `meanwhile` when they are lost; nothing can settle them before it lets go. */
  async function loseAnd(
    settling: (Cut | undefined)[],
    meanwhile = async (_asks: Asks, letGo: () => void) => letGo(),
  ): Promise<void> {
    const before = await limbo.losses();
    let isHeld = true;
    const onVoid = () => {
      tries += 1;
      return isHeld ? 'before' : settling.shift();
    };
    const { asks, told } = await limbo.lose(way, fate, limbo.untilDecided, onVoid);
    await limbo.waitForLosses(lanesOf(asks), before);
    await pause(asks);
    await meanwhile(asks, () => {
      isHeld = false;
    });
    await expectTruth(asks, told, truths[fate]);
  }

  it('are decided once', () => loseAnd([]));

  it('are decided once although the settling is cut in every way, one behind the other', async () => {
    const cuts = ['before_reply', 'silence', 'behind'] as const;
    const settling = [...cuts];
    await loseAnd(settling);
    expect(settling).toEqual([]);
  });

  it("are decided once although somebody has the coupons' locks during the settling", () =>
    loseAnd([], async (asks, letGo) => {
      const holder = await limbo.byHand();
      await limbo.lockCoupons(holder, asks);
      letGo();
      const enough = tries + lanesOf(asks) + 1;
      // One of them at least has given up the lock, and comes again.
      await waitFor('settling that comes again', () => tries >= enough);
      await holder.end();
    }));

  it('are decided once although the database is away during the settling', () =>
    loseAnd([], async (_asks, letGo) => {
      await limbo.proxy.refuse();
      letGo();
      // Longer than between two tries to settle, so that one at least has met it.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await limbo.proxy.accept();
    }));
});

describe.each(ways)(
  'claims in a %s that wait in the database when the connection is cut',
  (way) => {
    /** The claims wait, nobody waits for them any more, and the settling waits behind them. */
    async function loseWaiting() {
      const asks = await limbo.newAsks(way);
      const holder = await limbo.holdUp(way, asks);
      // A bundle that comes behind the settling of one of its claims passes that over.
      let isHeld = true;
      const onVoid = () => (isHeld ? 'before' : undefined);
      const { told } = await limbo.lose(way, 'behind', limbo.untilDecided, onVoid, asks);
      await limbo.waitUntilHeldUp(way);
      await limbo.waitForLosses(lanesOf(asks), 0);
      isHeld = false;
      return { asks, holder, told };
    }

    it('and go on soon are stored for those who sent them', async () => {
      await start(patience);
      const { asks, holder, told } = await loseWaiting();
      await waitFor('settling that waits', async () => (await limbo.waiters()).length > 1);
      await holder.end();
      await expectTruth(asks, told, { 200: 3 });
      // Had they been decided a second time, there would be marks.
      expect(await limbo.marks(asks)).toBe(0);
    });

    it('and give up are decided again', async () => {
      await start({ DATABASE_LOCK_TIMEOUT_MS: '2000', DATABASE_STATEMENT_TIMEOUT_MS: '10000' });
      const { asks, holder, told } = await loseWaiting();
      await waitFor('end of the claims', async () => {
        return !(await limbo.waiters()).some(({ query }) => query.includes(way));
      });
      await holder.end();
      await expectTruth(asks, told, { 200: 3 });
      expect(await limbo.marks(asks)).toBe(lanesOf(asks));
    });
  },
);

describe.each(bothWays)('claims in a %s that are lost (%s) past their time', (way, fate) => {
  const claimTimeoutMs = 2_000;
  const stored = fate === 'before_reply';

  beforeEach(() =>
    start({ CLAIM_TIMEOUT_MS: String(claimTimeoutMs), DATABASE_LOCK_TIMEOUT_MS: '600' }),
  );

  /** What is asked later is not to be lost again: then its own id would be the one that counts. */
  const expectKnown = (answers: readonly Answer[]) => {
    if (answers.some(({ body }) => body.effect === 'unknown')) missed('a later claim was lost too');
  };

  it('are unknown, with their ids, and asking again tells the truth later', async () => {
    let isAway = true;
    const onVoid = () => (isAway ? 'before' : undefined);
    const { asks, told } = await limbo.lose(way, fate, limbo.once, onVoid);
    const answers = await Promise.all(told);
    for (const { status, headers, body } of answers) {
      expect(status).toBe(503);
      expect(body).toMatchObject({ code: 'outcome_unknown', effect: 'unknown' });
      expect(body.claim_id).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers['retry-after']).toMatch(/^[1-9]/);
    }
    isAway = false;

    const histories = historiesOf(asks, answers);
    const [first, ...others] = asks;
    // One of them has forgotten his key.
    const keyless = { couponName: first?.couponName as string, userId: first?.userId as string };
    const heard: Answer[] = [];
    const again = await waitFor('decision', async () => {
      const answer = await limbo.once(keyless);
      heard.push(answer);
      return answer.status === 503 ? undefined : answer;
    });
    expectKnown(heard);
    expect(tally([again])).toEqual(stored ? { '409 already_claimed': 1 } : { 200: 1 });
    const id = stored ? again.body.claim.claim_id : again.body.claim_id;
    expect(id === answers[0]?.body.claim_id).toBe(stored);
    for (const [index, ask] of others.entries()) {
      const { answers: later } = await limbo.untilDecided(ask);
      expectKnown(later);
      const last = later.at(-1);
      expect(last?.body.claim_id === answers[index + 1]?.body.claim_id).toBe(stored);
      expect(last?.headers['idempotency-replayed']).toBe(stored ? 'true' : undefined);
      histories[index + 1]?.answers.push(...later);
    }
    await limbo.waitForRest();
    expect(await limbo.holders(asks)).toEqual(asks.map(({ userId }) => userId));
    expect(await limbo.lies(others, histories.slice(1))).toEqual([]);
  });
});

describe('a crowd whose claims travel in bundles and batches', () => {
  beforeEach(() => start({ CLAIM_TIMEOUT_MS: '2000' }));

  it.each([1, 2])(
    'is told no lie, whatever statement is cut in whatever way (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const kinds: Cut[] = ['before', 'behind', 'before_reply'];
      const chains = 12;
      const names = range(12).map((index) => `crowd ${seed} ${index}`);
      for (const name of names) await limbo.crowd.createCoupon(limbo.app.url, name, 6);
      const asks = range(12 * 9).map((index) => ({
        ...{
          couponName: names[index % 12] as string,
          userId: `user-${index}`,
          key: `key-${index}`,
        },
      }));
      const shares = { 'claim-batch': 0.2, 'claim-multi-coupon': 0.7, 'void-batch': 0.3 };
      const cut = { 'claim-batch': 0, 'claim-multi-coupon': 0, 'void-batch': 0 };
      limbo.proxy.cutWhen = (piece) => {
        for (const [name, share] of Object.entries(shares)) {
          if (!carries(piece, name) || random() > share) continue;
          cut[name as keyof typeof cut] += 1;
          return kinds[Math.floor(random() * kinds.length)];
        }
        return undefined;
      };
      // One of each coupon at a time: they travel in bundles, and in batches when they are sent again.
      const histories = asks.map(({ userId }): History => ({ userId, answers: [] }));
      const chain = async (first: number) => {
        for (let index = first; index < asks.length; index += chains) {
          const ask = asks[index] as (typeof asks)[number];
          histories[index] = await limbo.untilDecided(ask);
        }
      };
      await Promise.all(range(chains).map(chain));
      limbo.proxy.cutWhen = () => undefined;
      expect(Math.min(...Object.values(cut)), JSON.stringify(cut)).toBeGreaterThan(2);
      await limbo.waitForRest();
      expect(await limbo.audit(asks, histories), `seed ${seed}`).toEqual([]);
      expect(tally(lastOf(histories))).toEqual({ 200: 72, '400 sold_out': 36 });
    },
  );
});

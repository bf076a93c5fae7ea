// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type History, range, tally } from '../support/crowd.ts';
import { type Cut, seededRandom } from '../support/fault-proxy.ts';
import {
  batchKinds,
  type Claims,
  carries,
  couponNames,
  historiesOf,
  InDoubtService,
  lastAnswers,
} from '../support/in-doubt.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const lockTimeoutMs = 300;

let database: TestDatabase;
let service: InDoubtService;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  service = await InDoubtService.start(database, {
    DATABASE_LOCK_TIMEOUT_MS: String(lockTimeoutMs),
    ...env,
  });
}

afterEach(async () => {
  await service.stop();
});

const lanesOf = (claims: Claims) => couponNames(claims).length;

/** Pauses the sale while its batches are in doubt: claims that are not stored are refused after that. */
const pause = (claims: Claims) => service.setCoupons(claims, 'paused = true');

/** Resumes the sale, in which a batch that was not resolved could still commit, and checks every answer. */
async function expectTruth(
  claims: Claims,
  pending: Promise<History>[],
  expected: object,
): Promise<void> {
  const histories = await Promise.all(pending);
  expect(tally(lastAnswers(histories))).toEqual(expected);
  await service.setCoupons(claims, 'paused = false');
  expect(await service.wrongAnswers(claims, histories)).toEqual([]);
}

const fates = ['before', 'before_reply'] as const;
const kindsAndFates = batchKinds.flatMap((kind) => fates.map((fate) => [kind, fate] as const));
const truths = { before: { '409 paused': 3 }, before_reply: { 200: 3 } };

describe.each(kindsAndFates)('claims in a %s whose connection is cut %s', (kind, fate) => {
  /** Void marks that were tried. */
  let tries = 0;

  beforeEach(() => start());

  /** Brings the claims in doubt and calls `meanwhile`; no void mark succeeds before that calls `release`. */
  async function doubtAnd(
    voidCuts: (Cut | undefined)[],
    meanwhile = async (_claims: Claims, release: () => void) => release(),
  ): Promise<void> {
    const before = await service.losses();
    let isHeld = true;
    const onVoid = () => {
      tries += 1;
      return isHeld ? 'before' : voidCuts.shift();
    };
    const { claims, pending } = await service.loseAnswer(kind, fate, service.untilDecided, onVoid);
    await service.waitForLosses(lanesOf(claims), before);
    await pause(claims);
    await meanwhile(claims, () => {
      isHeld = false;
    });
    await expectTruth(claims, pending, truths[fate]);
  }

  it('decides each claim once', () => doubtAnd([]));

  it('decides each claim once although the void marks are cut in every way, one after the other', async () => {
    const cuts = ['before_reply', 'silence', 'behind'] as const;
    const voidCuts = [...cuts];
    await doubtAnd(voidCuts);
    expect(voidCuts).toEqual([]);
  });

  it('decides each claim once although another session holds the locks of the coupons', () =>
    doubtAnd([], async (claims, release) => {
      const holder = await service.beginManually();
      await service.lockCoupons(holder, claims);
      release();
      const enough = tries + lanesOf(claims) + 1;
      // At least one void mark has waited for the lock in vain, and is repeated.
      await waitFor('repeated void mark', () => tries >= enough);
      await holder.end();
    }));

  it('decides each claim once although the database is unreachable for a while', () =>
    doubtAnd([], async (claims, release) => {
      await service.proxy.refuse();
      release();
      // A claim that waits in the lane of a batch in doubt is refused when a void mark fails.
      const couponName = couponNames(claims)[0] as string;
      const { body } = await service.once({ couponName, userId: 'later' });
      if (body.code === 'overloaded') missed('no void mark failed before the claim expired');
      expect(body).toMatchObject({ code: 'unavailable', effect: 'none' });
      await service.proxy.accept();
    }));
});

describe.each(batchKinds)(
  'claims in a %s that wait in the database when the connection is cut',
  (kind) => {
    /** The claims wait in the database, their connection is cut, and their void mark waits behind them. */
    async function cutWhileWaiting() {
      const claims = await service.newClaims(kind);
      const holder = await service.block(kind, claims);
      // A multi-coupon batch skips a coupon that a void mark has locked before it.
      let isHeld = true;
      const onVoid = () => (isHeld ? 'before' : undefined);
      const { pending } = await service.loseAnswer(
        kind,
        'behind',
        service.untilDecided,
        onVoid,
        claims,
      );
      await service.waitUntilBlocked(kind);
      await service.waitForLosses(lanesOf(claims), 0);
      isHeld = false;
      return { claims, holder, pending };
    }

    it('answers their clients with the stored claims when the claims go on soon', async () => {
      await start(patience);
      const { claims, holder, pending } = await cutWhileWaiting();
      const areWaiting = await waitFor('void mark that waits', async () => {
        const blocked = await service.blockedSessions();
        if (!blocked.some(({ query }) => query.includes(kind))) return 'given up';
        return blocked.length > 1 && 'waiting';
      });
      if (areWaiting === 'given up') missed('the claims gave up before a void mark waited');
      await holder.end();
      await expectTruth(claims, pending, { 200: 3 });
      // A second decision would have left void marks.
      expect(await service.voidMarks(claims)).toBe(0);
    });

    it('decides the claims again when they give up', async () => {
      await start({ DATABASE_LOCK_TIMEOUT_MS: '2000', DATABASE_STATEMENT_TIMEOUT_MS: '10000' });
      const { claims, holder, pending } = await cutWhileWaiting();
      await waitFor('end of the claims', async () => {
        return !(await service.blockedSessions()).some(({ query }) => query.includes(kind));
      });
      await holder.end();
      await expectTruth(claims, pending, { 200: 3 });
      expect(await service.voidMarks(claims)).toBe(lanesOf(claims));
    });
  },
);

describe.each(kindsAndFates)(
  'claims in a %s that stay in doubt (cut %s) beyond their timeout',
  (kind, fate) => {
    const claimTimeoutMs = 2_000;
    const stored = fate === 'before_reply';

    beforeEach(() =>
      start({ CLAIM_TIMEOUT_MS: String(claimTimeoutMs), DATABASE_LOCK_TIMEOUT_MS: '600' }),
    );

    /** A later claim must not be in doubt itself: then its own id would count. */
    const expectKnown = (answers: readonly Answer[]) => {
      if (answers.some(({ body }) => body.effect === 'unknown'))
        missed('a later claim was in doubt too');
    };

    it('are answered as unknown with their ids, and a repeat gets the true answer later', async () => {
      let isAway = true;
      const onVoid = () => (isAway ? 'before' : undefined);
      const { claims, pending } = await service.loseAnswer(kind, fate, service.once, onVoid);
      const answers = await Promise.all(pending);
      for (const { status, headers, body } of answers) {
        expect(status).toBe(503);
        expect(body).toMatchObject({ code: 'outcome_unknown', effect: 'unknown' });
        expect(body.claim_id).toMatch(/^[0-9a-f-]{36}$/);
        expect(headers['retry-after']).toMatch(/^[1-9]/);
      }
      isAway = false;

      const histories = historiesOf(claims, answers);
      const [first, ...others] = claims;
      // One client repeats its claim without the key.
      const keyless = { couponName: first?.couponName as string, userId: first?.userId as string };
      const received: Answer[] = [];
      const again = await waitFor('decision', async () => {
        const answer = await service.once(keyless);
        received.push(answer);
        return answer.status === 503 ? undefined : answer;
      });
      expectKnown(received);
      expect(tally([again])).toEqual(stored ? { '409 already_claimed': 1 } : { 200: 1 });
      const id = stored ? again.body.claim.claim_id : again.body.claim_id;
      expect(id === answers[0]?.body.claim_id).toBe(stored);
      for (const [index, claim] of others.entries()) {
        const { answers: later } = await service.untilDecided(claim);
        expectKnown(later);
        const last = later.at(-1);
        expect(last?.body.claim_id === answers[index + 1]?.body.claim_id).toBe(stored);
        expect(last?.headers['idempotency-replayed']).toBe(stored ? 'true' : undefined);
        histories[index + 1]?.answers.push(...later);
      }
      await service.waitUntilIdle();
      expect(await service.holders(claims)).toEqual(claims.map(({ userId }) => userId));
      expect(await service.wrongAnswers(others, histories.slice(1))).toEqual([]);
    });
  },
);

describe('a crowd whose claims go in batches and multi-coupon batches', () => {
  beforeEach(() => start({ CLAIM_TIMEOUT_MS: '2000' }));

  it.each([1, 2])(
    'gets no wrong answer, whichever statement is cut in whichever way (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const kinds: Cut[] = ['before', 'behind', 'before_reply'];
      const chains = 12;
      const names = range(12).map((index) => `crowd ${seed} ${index}`);
      for (const name of names) await service.crowd.createCoupon(service.app.url, name, 6);
      const claims = range(12 * 9).map((index) => ({
        ...{
          couponName: names[index % 12] as string,
          userId: `user-${index}`,
          key: `key-${index}`,
        },
      }));
      const shares = { 'claim-batch': 0.2, 'claim-multi-coupon': 0.7, 'resolve-batch': 0.3 };
      const cut = { 'claim-batch': 0, 'claim-multi-coupon': 0, 'resolve-batch': 0 };
      service.proxy.cutWhen = (piece) => {
        for (const [name, share] of Object.entries(shares)) {
          if (!carries(piece, name) || random() > share) continue;
          cut[name as keyof typeof cut] += 1;
          return kinds[Math.floor(random() * kinds.length)];
        }
        return undefined;
      };
      // One of each coupon at a time: they go in multi-coupon batches, and in batches when they are sent again.
      const histories = claims.map(({ userId }): History => ({ userId, answers: [] }));
      const chain = async (first: number) => {
        for (let index = first; index < claims.length; index += chains) {
          const claim = claims[index] as (typeof claims)[number];
          histories[index] = await service.untilDecided(claim);
        }
      };
      await Promise.all(range(chains).map(chain));
      service.proxy.cutWhen = () => undefined;
      expect(Math.min(...Object.values(cut)), JSON.stringify(cut)).toBeGreaterThan(2);
      await service.waitUntilIdle();
      expect(await service.audit(claims, histories), `seed ${seed}`).toEqual([]);
      expect(tally(lastAnswers(histories))).toEqual({ 200: 72, '400 sold_out': 36 });
    },
  );
});

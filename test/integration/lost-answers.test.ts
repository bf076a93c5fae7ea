// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { auditHistories } from '../support/audit.ts';
import { type Answer, Crowd, type History, range, tally } from '../support/crowd.ts';
import { type Cut, FaultProxy, seededRandom } from '../support/fault-proxy.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const couponName = 'LAUNCH';
const units = 150;
const users = 400;

let database: TestDatabase;
let proxy: FaultProxy;
let app: App;
let crowd: Crowd;

beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.before(database.url);
});

async function start(claimTimeoutMs: number): Promise<void> {
  app = await startService({
    DATABASE_URL: proxy.urlOf(database.url),
    CLAIM_TIMEOUT_MS: String(claimTimeoutMs),
    CLAIM_BATCH_MAX: '10',
    // Claims that wait behind batches in doubt must not be refused and repeated all the time.
    CLAIM_WAIT_MAX_MS: '60000',
  });
  crowd = new Crowd();
  await crowd.createCoupon(app.url, couponName, units);
}

afterEach(async () => {
  crowd.close();
  await proxy.accept();
  await app.stop();
  await proxy.stop();
  await database.drop();
});

const carriesClaims = (piece: Buffer) => piece.includes('claim-batch');
/** A statement starts with Parse or Bind; the messages before it open the connection. */
const carriesStatement = (piece: Buffer) => piece[0] === 0x50 || piece[0] === 0x42;

function claimAll(): Promise<History[]> {
  return Promise.all(
    range(users).map((index) => {
      const userId = `user-${index}`;
      return crowd.claimUntilDecided(app.url, { couponName, userId, key: `key-${index}` });
    }),
  );
}

const healthStatus = async () => (await crowd.send(app.url, { path: '/health' })).status;

/** All units are sold to the clients that got them, and no client got a wrong answer. */
async function expectTruth(histories: History[], message?: string): Promise<void> {
  await waitFor('end of all statements', async () => {
    const busy = await database.query(
      `select from pg_stat_activity where datname = current_database()
       and application_name = 'firstcome' and state <> 'idle'`,
    );
    return busy.length === 0;
  });
  expect(await auditHistories(database.query, couponName, histories), message).toEqual([]);
  const last = histories.flatMap(({ answers }) => answers.slice(-1));
  expect(tally(last), message).toEqual({ 200: units, '400 sold_out': users - units });
}

const codesOf = (histories: History[]) =>
  new Set(histories.flatMap(({ answers }) => answers.map(({ body }) => body.code)));

describe('a connection that breaks around a batch of claims', () => {
  // With a shorter timeout a slow machine would lose more answers than the test does.
  beforeEach(() => start(4_000));

  const cuts: [Cut, number][] = [
    ['before', 10],
    ['behind', 10],
    ['before_reply', 10],
    ['silence', 2],
  ];
  it.each(cuts)(
    'loses no claim and causes no wrong answer when it is cut %s',
    async (cut, times) => {
      proxy.cutWhen = (piece) =>
        carriesClaims(piece) && proxy.cuts[cut] < times ? cut : undefined;
      const histories = await claimAll();
      expect(proxy.cuts[cut]).toBe(times);
      await expectTruth(histories);
      expect(await healthStatus()).toBe(200);
    },
  );

  it.each([1, 2])(
    'causes no wrong answer when it is cut around any statement in any way (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const kinds: Cut[] = ['before', 'behind', 'before_reply'];
      let made = 0;
      proxy.cutWhen = (piece) => {
        if (!carriesStatement(piece) || made === 20 || random() > 0.4) return undefined;
        made += 1;
        return made % 12 === 6 ? 'silence' : kinds[Math.floor(random() * kinds.length)];
      };
      const histories = await claimAll();
      expect(made).toBeGreaterThan(10);
      await expectTruth(histories, `seed ${seed}`);
    },
  );
});

describe('a database that is lost for longer than a claim may take', () => {
  const claimTimeoutMs = 2_000;
  beforeEach(() => start(claimTimeoutMs));

  it('never has a claim denied that is known to be committed when it is lost a second time', async () => {
    let isResolving = false;
    proxy.cutWhen = (piece) => {
      if (carriesStatement(piece)) {
        isResolving ||= piece.includes('void-batch');
        return carriesClaims(piece) && !isResolving ? 'before_reply' : undefined;
      }
      // The claim cannot be sent again: no new connection can be opened.
      return isResolving ? 'before' : undefined;
    };
    const claim = { couponName, userId: 'ada', key: 'one intent' };
    const answer = await crowd.claim(app.url, claim);
    if (!isResolving) missed('the claim expired before its batch was to be resolved');
    expect(answer.body).toMatchObject({ code: 'outcome_unknown', effect: 'unknown' });
    proxy.cutWhen = () => undefined;
    const again = await crowd.claimUntilDecided(app.url, claim);
    const history = { userId: 'ada', answers: [answer, ...again.answers] };
    expect(await auditHistories(database.query, couponName, [history])).toEqual([]);
    expect(again.answers.at(-1)?.body.claim_id).toBe(answer.body.claim_id);
  });

  it('has claims refused at once with effect none, and decided when it is back', async () => {
    await proxy.refuse();
    const histories = claimAll();
    await waitFor('unhealthy', async () => (await healthStatus()) === 503);
    const tookMs: number[] = [];
    for (const _ of range(5)) {
      const startedMs = performance.now();
      const answer = await crowd.claim(app.url, { couponName, userId: 'eve' });
      expect(answer.body).toMatchObject({ code: 'unavailable', effect: 'none' });
      expect(answer.headers['retry-after']).toMatch(/^[1-9]/);
      tookMs.push(performance.now() - startedMs);
    }
    // At least one of them met no other delay.
    expect(Math.min(...tookMs)).toBeLessThan(claimTimeoutMs / 2);
    await proxy.accept();
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    expect(codesOf(await histories)).toContain('unavailable');
    await expectTruth(await histories);
  });

  it('has every claim answered in time when its packets vanish, and recovers without a restart', async () => {
    proxy.blackHole(true);
    const first: Answer[] = [];
    let tookMs = Number.POSITIVE_INFINITY;
    // The sweep of the lanes adds to the timeout. A slow machine may too, but not each time.
    for (let tries = 0; tookMs > 1.5 * claimTimeoutMs && tries < 4; tries += 1) {
      const startedMs = performance.now();
      const answers = await Promise.all(
        range(20).map((place) => {
          const index = 20 * tries + place;
          return crowd.claim(app.url, { couponName, userId: `user-${index}`, key: `key-${index}` });
        }),
      );
      tookMs = performance.now() - startedMs;
      first.push(...answers);
    }
    expect(tookMs).toBeLessThan(1.5 * claimTimeoutMs);
    expect(first.every(({ status }) => status === 503)).toBe(true);
    expect(await healthStatus()).toBe(503);
    proxy.blackHole(false);
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    const histories = await claimAll();
    for (const [index, answer] of first.entries()) histories[index]?.answers.unshift(answer);
    await expectTruth(histories);
  });
});

describe('terminated backends', () => {
  beforeEach(() => start(4_000));

  it('lose no claim and cause no wrong answer under load', async () => {
    const claiming = claimAll();
    let ended = false;
    void claiming.then(() => {
      ended = true;
    });
    let killed = 0;
    // Often at first, so that a short sale meets many of them, then less often: on a busy machine no connection would
    // live as long as a decision takes.
    for (let pauseMs = 10; !ended; pauseMs = Math.min(pauseMs * 1.1, 1000)) {
      const rows = await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'firstcome'`,
      );
      killed += rows.length;
      await Promise.race([claiming, delay(pauseMs)]);
    }
    const histories = await claiming;
    expect(killed).toBeGreaterThan(10);
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    await expectTruth(histories);
  });
});

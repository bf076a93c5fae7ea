// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { auditHistories } from '../support/audit.ts';
import { type Answer, Crowd, type History, range, tally } from '../support/crowd.ts';
import { type Cut, FaultProxy, seededRandom } from '../support/fault-proxy.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const couponName = 'LAUNCH';
const units = 75;
const users = 200;

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

const claims = range(users).map((index) => ({
  ...{ couponName, userId: `user-${index}`, key: `key-${index}` },
}));

/** Each client sends its claim once. */
const claimOnce = (sent = claims): Promise<Answer[]> =>
  Promise.all(sent.map((claim) => crowd.claim(app.url, claim)));

/** Each client repeats its claim until it is decided. */
const claimAll = (sent = claims): Promise<History[]> =>
  Promise.all(sent.map((claim) => crowd.claimUntilDecided(app.url, claim)));

/** Puts the answers that the first clients got before in front of their later ones. */
function prepend(answers: readonly Answer[], histories: readonly History[]): void {
  for (const [index, answer] of answers.entries()) histories[index]?.answers.unshift(answer);
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

describe('a connection that breaks around a batch of claims', () => {
  // Half of it is the limit of a connection: with less a slow machine would lose more answers than the test does.
  beforeEach(() => start(12_000));

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
  beforeEach(() => start(2_000));

  it('never has a claim denied that is known to be committed when it is lost a second time', async () => {
    let isResolving = false;
    proxy.cutWhen = (piece) => {
      if (carriesStatement(piece)) {
        isResolving ||= piece.includes('resolve-batch');
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

  it('has every claim answered before its packets pass again, and recovers without a restart', async () => {
    proxy.blackHole(true);
    const first = await claimOnce(claims.slice(0, 20));
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([503]));
    expect(await healthStatus()).toBe(503);
    proxy.blackHole(false);
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    const histories = await claimAll();
    prepend(first, histories);
    await expectTruth(histories);
  });
});

describe('a database that refuses connections', () => {
  // A claim that expires is `overloaded`. With this timeout none expires, even on a busy machine.
  beforeEach(() => start(60_000));

  it('has claims refused at once with effect none, and decided when it is back', async () => {
    await proxy.refuse();
    await waitFor('unhealthy', async () => (await healthStatus()) === 503);
    const first = await claimOnce();
    for (const { headers, body } of first) {
      expect(body).toMatchObject({ code: 'unavailable', effect: 'none' });
      expect(headers['retry-after']).toMatch(/^[1-9]/);
    }
    // Few clients repeat their claims all the time: a whole crowd would leave no processor for the recovery.
    const repeating = claimAll(claims.slice(0, 20));
    await proxy.accept();
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    const histories = [...(await repeating), ...(await claimAll(claims.slice(20)))];
    prepend(first, histories);
    await expectTruth(histories);
  });
});

describe('terminated backends', () => {
  beforeEach(() => start(4_000));

  const terminateBackends = () =>
    database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'firstcome'`,
    );

  it('lose no claim and cause no wrong answer under load', async () => {
    const kills: Promise<unknown[]>[] = [];
    let batches = 0;
    proxy.cutWhen = (piece) => {
      if (carriesClaims(piece)) batches += 1;
      // The batches in between can be decided, however slow the machine is.
      if (carriesClaims(piece) && batches % 3 === 0) kills.push(terminateBackends());
      return undefined;
    };
    const histories = await claimAll();
    const killed = (await Promise.all(kills)).flat();
    // How many batches there are, and so how many kills, depends on the speed of the machine.
    expect(killed.length).toBeGreaterThan(0);
    await waitFor('recovery', async () => (await healthStatus()) === 200);
    await expectTruth(histories);
  });
});

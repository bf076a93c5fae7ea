// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../support/audit.ts';
import { type Answer, Crowd, range, tally } from '../support/crowd.ts';
import { patience } from '../support/service.ts';
import {
  endServiceProcesses,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let services: ServiceProcess[];
const crowd = new Crowd();
let coupons = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { ...patience, DATABASE_URL: database.url };
  services = await Promise.all([startServiceProcess(env), startServiceProcess(env)]);
});

afterAll(async () => {
  crowd.close();
  await endServiceProcesses();
  await database?.drop();
});

async function newCoupon(amount: number): Promise<string> {
  coupons += 1;
  const name = `SALE-${coupons}`;
  await crowd.createCoupon(services[0]?.url ?? '', name, amount);
  return name;
}

async function remainingOf(couponName: string): Promise<number> {
  const answers = await Promise.all(services.map(({ url }) => crowd.readCoupon(url, couponName)));
  const [first, second] = answers.map(({ body }) => body.remaining_amount);
  expect(second).toBe(first);
  return first;
}

describe.each([
  ['one process', 1],
  ['two processes on one database', 2],
])('a crowd at %s', (_, processCount) => {
  const urlOf = (index: number) => services[index % processCount]?.url ?? '';

  async function claimAll(couponName: string, userIds: string[]): Promise<Answer[]> {
    const answers = await Promise.all(
      userIds.map((userId, index) => crowd.claim(urlOf(index), { couponName, userId })),
    );
    expect(await audit(database.query, answers)).toEqual([]);
    return answers;
  }

  it.each([
    { users: 2_000, units: 200 },
    { users: 50, units: 5 },
  ])('sells exactly $units units to $users users', async ({ users, units }) => {
    const couponName = await newCoupon(units);
    const answers = await claimAll(
      couponName,
      range(users).map((index) => `user-${index}`),
    );
    expect(tally(answers)).toEqual({ 200: units, '400 sold_out': users - units });
    expect(await remainingOf(couponName)).toBe(0);
    const positions = answers.filter(({ status }) => status === 200).map((a) => a.body.position);
    expect(positions.sort((a, b) => a - b)).toEqual(range(units).map((index) => index + 1));
  });

  it.each([500, 10])('gives one claim to one user who claims %i times', async (times) => {
    const couponName = await newCoupon(100);
    const answers = await claimAll(
      couponName,
      range(times).map(() => 'ada'),
    );
    expect(tally(answers)).toEqual({ 200: 1, '409 already_claimed': times - 1 });
    const ids = answers.map(({ body }) => body.claim_id ?? body.claim.claim_id);
    expect(new Set(ids).size).toBe(1);
    expect(await remainingOf(couponName)).toBe(99);
  });

  it('gives one claim and one answer to a user who retries with one key, 400 times at once', async () => {
    const couponName = await newCoupon(3);
    const answers = await Promise.all(
      range(400).map((index) =>
        crowd.claim(urlOf(index), { couponName, userId: 'ada', key: 'one intent' }),
      ),
    );
    expect(tally(answers)).toEqual({ 200: 400 });
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const replays = answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true');
    expect(replays.length).toBe(399);
    expect(await remainingOf(couponName)).toBe(2);
    expect(await audit(database.query, answers)).toEqual([]);
  });

  it('serves a crowd that claims 500 coupons in every order at once', async () => {
    const names = range(500).map((index) => `MANY-${processCount}-${index}`);
    await Promise.all(names.map((name, index) => crowd.createCoupon(urlOf(index), name, 3)));
    const answers = await Promise.all(
      range(4).flatMap((user) =>
        // Each user starts at another coupon, so that the processes meet at different ones.
        (user % 2 === 0 ? names : [...names].reverse()).map((couponName) =>
          crowd.claim(urlOf(user), { couponName, userId: `user-${user}` }),
        ),
      ),
    );
    expect(tally(answers)).toEqual({ 200: 1_500, '400 sold_out': 500 });
    expect(await audit(database.query, answers)).toEqual([]);
  });
});

describe('two processes on one database', () => {
  it('accept claims at once of a coupon that the other has just created', async () => {
    const [first, second] = services.map(({ url }) => url) as [string, string];
    for (const index of range(50)) {
      const couponName = `FRESH-${index}`;
      // Claimed before its creation, so that the second process could have cached that it does not exist.
      const early = await crowd.claim(second, { couponName, userId: 'ada' });
      expect(tally([early])).toEqual({ '404 coupon_not_found': 1 });
      await crowd.createCoupon(first, couponName, 1);
      const answer = await crowd.claim(second, { couponName, userId: 'ada' });
      expect(tally([answer])).toEqual({ 200: 1 });
    }
  });

  it('decide in the order of real time: a claim that is sent after an answer has a later position', async () => {
    const couponName = await newCoupon(60);
    const answers: Answer[] = [];
    for (const index of range(60)) {
      const url = services[index % 2]?.url ?? '';
      answers.push(await crowd.claim(url, { couponName, userId: `user-${index}` }));
    }
    expect(answers.map(({ body }) => body.position)).toEqual(range(60).map((index) => index + 1));
    const times = answers.map(({ body }) => body.claimed_at);
    expect(times).toEqual([...times].sort());
  });
});

it('the server has counted no deadlock when its sessions have ended', async () => {
  await endServiceProcesses();
  const sessions = `select from pg_stat_activity
    where datname = current_database() and application_name like 'firstcome%'`;
  await waitFor('end of the sessions', async () => (await database.query(sessions)).length === 0);
  const [stats] = await database.query<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(stats?.deadlocks).toBe('0');
});

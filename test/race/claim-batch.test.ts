// SPDX-License-Identifier: GPL-3.0-or-later
/** Calls with many claims and single claims race for the last units, at two processes and with the same users. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../support/audit.ts';
import { type Answer, Crowd, range, tally } from '../support/crowd.ts';
import { patience } from '../support/service.ts';
import {
  endServiceProcesses,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let services: ServiceProcess[];
const crowd = new Crowd();

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

const urlOf = (index: number) => services[index % services.length]?.url ?? '';

/** Sends the claims of these users in one call, and returns their results as answers. */
async function claimMany(url: string, couponName: string, users: string[]): Promise<Answer[]> {
  const claims = users.map((user) => ({
    ...{ coupon_name: couponName, user_id: user, idempotency_key: user },
  }));
  const { status, headers, body } = await crowd.send(url, {
    ...{ method: 'POST', path: '/api/claims/batch', body: { claims } },
  });
  expect(status).toBe(200);
  return body.results.map((result: { status: number }) => ({
    ...{ status: result.status, headers, body: result },
  }));
}

it('sells each unit once, to each user once, and gives each user the same claim again', async () => {
  const couponName = 'RACE';
  const units = 150;
  await crowd.createCoupon(urlOf(0), couponName, units);
  const users = range(400).map((index) => `user-${index}`);
  const reversed = [...users].reverse();
  const batches = [users, reversed, users.slice(100), reversed.slice(100)].map((some, index) =>
    claimMany(urlOf(index), couponName, some),
  );
  const singles = users.map((userId, index) =>
    crowd.claim(urlOf(index), { couponName, userId, key: userId }),
  );
  const answers = (await Promise.all([...batches, Promise.all(singles)])).flat();
  expect(await audit(database.query, answers)).toEqual([]);

  const outcomes = tally(answers);
  expect(Object.keys(outcomes).sort()).toEqual(['200', '400 sold_out']);
  const isReplay = ({ headers, body }: Answer) =>
    body.replayed === true || headers['idempotency-replayed'] === 'true';
  const won = answers.filter(({ status }) => status === 200);
  const first = won.filter((answer) => !isReplay(answer));
  expect(first).toHaveLength(units);
  expect(new Set(won.map(({ body }) => body.claim_id)).size).toBe(units);
  expect(new Set(won.map(({ body }) => body.user_id)).size).toBe(units);
  expect((await crowd.readCoupon(urlOf(1), couponName)).body.remaining_amount).toBe(0);
});

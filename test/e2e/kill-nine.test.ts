// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRunningServer } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { audit, type Query } from '../support/audit.ts';
import { type Answer, Crowd, type CrowdRequest, range } from '../support/crowd.ts';
import { familyOf, killFamily, type ProcessEntry, stillAlive } from '../support/process-family.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const rounds = Number(process.env.KILL_ROUNDS ?? 3);
const isLinux = process.platform === 'linux';
const couponName = 'LAUNCH';
const heldCouponName = 'HELD';
const claimers = 64;
const holders = 32;

let folder: string;
const seen: ProcessEntry[] = [];

beforeAll(async () => {
  folder = await createTemporaryFolder('kill');
});

afterAll(async () => {
  await endServiceProcesses();
  const haveEnded = () => stillAlive(seen).length === 0;
  if (isLinux) await waitFor('end of every process', haveEnded, { timeoutMs: 30_000 });
  await removeTemporaryFolder(folder);
});

async function start(): Promise<ServiceProcess> {
  const service = await startServiceProcess({ ...patience, DATA_DIR: join(folder, 'data') });
  if (isLinux) seen.push(...familyOf(service.pid));
  return service;
}

/** Queries the bundled PostgreSQL directly, without the service. */
async function queryDatabase<Value>(run: (query: Query) => Promise<Value>): Promise<Value> {
  const server = await findRunningServer(join(folder, 'data'));
  const client = new pg.Client({ connectionString: server?.url });
  await client.connect();
  try {
    return await run(async (sql, values) => (await client.query(sql, values)).rows);
  } finally {
    await client.end();
  }
}

type Change = 'confirm' | 'release' | 'redeem';

/** What one client sends: a claim with a key, or a change of a claim that an answer has shown. */
type Step = { userId: string } & (
  | { f: 'claim'; couponName: string }
  | { f: Change; claimId: string }
);
type Answered = { step: Step; answer: Answer };

function requestOf(step: Step): CrowdRequest {
  const method = 'POST';
  const headers = { 'idempotency-key': `${step.f} ${step.userId}` };
  if (step.f === 'claim') {
    const body = { user_id: step.userId, coupon_name: step.couponName };
    return { method, path: '/api/coupons/claim', body, headers };
  }
  const path = `/api/coupons/${heldCouponName}/claims/${step.userId}/${step.f}`;
  const body = { claim_id: step.claimId };
  return { method, path, body, ...(step.f === 'redeem' && { headers }) };
}

/** The steps of each user after the claim, until the connection breaks. */
type Load = { answered: Answered[]; unanswered: Step[]; ended: Promise<void> };

// What holders do in turn with their claims.
const changes: Change[][] = [['confirm', 'redeem'], ['release'], ['confirm']];

/** Clients that claim, each time for a new user, until their connection breaks. Some also change their claims. */
function claimWithoutEnd(crowd: Crowd, url: string, round: number): Load {
  const load: Omit<Load, 'ended'> = { answered: [], unanswered: [] };
  const send = async (step: Step): Promise<Answer | undefined> => {
    const answer = await crowd.send(url, requestOf(step)).catch(() => undefined);
    if (answer === undefined) load.unanswered.push(step);
    else load.answered.push({ step, answer });
    return answer;
  };
  const claimer = async (index: number) => {
    for (let count = 0; ; count += 1) {
      const userId = `round-${round}-client-${index}-${count}`;
      if ((await send({ f: 'claim', couponName, userId })) === undefined) return;
    }
  };
  const holder = async (index: number) => {
    for (let count = 0; ; count += 1) {
      const userId = `round-${round}-holder-${index}-${count}`;
      const claim = await send({ f: 'claim', couponName: heldCouponName, userId });
      if (claim === undefined) return;
      for (const f of changes[count % changes.length] ?? []) {
        if ((await send({ f, userId, claimId: claim.body.claim_id })) === undefined) return;
      }
    }
  };
  const all = [...range(claimers).map(claimer), ...range(holders).map(holder)];
  return { ...load, ended: Promise.all(all).then(() => undefined) };
}

async function createCoupons(crowd: Crowd, url: string): Promise<void> {
  await crowd.createCoupon(url, couponName, 1_000_000);
  const held = { name: heldCouponName, amount: 1_000_000, hold_seconds: 3600 };
  const answer = await crowd.send(url, { method: 'POST', path: '/api/coupons', body: held });
  expect(answer.status).toBe(201);
}

describe('kill -9 of the service, with and without its database, under load', () => {
  it(`loses no acknowledged claim, confirm, release or redeem in ${rounds} kills of the service under load`, async () => {
    const received: Answered[] = [];
    for (const round of range(rounds)) {
      const crowd = new Crowd();
      const service = await start();
      if (round === 0) await createCoupons(crowd, service.url);
      const load = claimWithoutEnd(crowd, service.url, round);
      // Each round kills the service after another number of answers.
      const count = 100 + 400 * round;
      await waitFor('answers', () => {
        const changed = load.answered.filter(({ step }) => step.f !== 'claim').length;
        return load.answered.length - changed > count && changed > count / 2;
      });
      // The database has its own process group and shuts down cleanly. In every second round the test kills it too.
      if (isLinux && round % 2 === 0) killFamily(service.pid);
      await service.killGroup();
      await load.ended;
      crowd.close();
      expect(load.answered.every(({ answer }) => answer.status === 200)).toBe(true);
      expect(load.unanswered.length).toBe(claimers + holders);
      received.push(...load.answered);

      const again = await start();
      expect(await queryDatabase((query) => findLost(query, received))).toEqual([]);
      received.push(...(await sendAgain(again.url, load)));
      expect(await queryDatabase((query) => findLost(query, received))).toEqual([]);
      await again.killGroup();
    }
  });
});

/** What is inconsistent, and what an answer has shown that is not stored. */
async function findLost(query: Query, received: readonly Answered[]): Promise<string[]> {
  const stored = await storedClaims(query);
  const answers = received.map(({ answer }) => answer);
  return [
    ...(await audit(query, answers)),
    ...received.flatMap(({ step, answer }) => {
      const [is, was] = [timeOf(step, stored), Date.parse(answer.body[timeNames[step.f]])];
      return is === was ? [] : [`${step.f} of ${step.userId} shows ${was}, stored is ${is}`];
    }),
  ];
}

const timeNames = {
  claim: 'claimed_at',
  confirm: 'confirmed_at',
  release: 'released_at',
  redeem: 'redeemed_at',
} as const;

type StoredClaim = { claim_id: string } & Record<(typeof timeNames)[Step['f']], Date | null>;

/** The claims by their users, who have one each, live or released. */
async function storedClaims(query: Query): Promise<Map<string, StoredClaim>> {
  const rows = await query<StoredClaim & { user_id: string }>(
    `select user_id, claim_id, claimed_at, confirmed_at, redeemed_at, null as released_at
     from claims left join redemptions using (coupon_id, user_id, claim_id)
     union all
     select user_id, claim_id, claimed_at, confirmed_at, null, released_at from released_claims`,
  );
  return new Map(rows.map((row) => [row.user_id, row]));
}

/** When the step took effect, in milliseconds. */
function timeOf({ f, userId }: Step, stored: Map<string, StoredClaim>): number | undefined {
  return stored.get(userId)?.[timeNames[f]]?.getTime();
}

/** Users without an answer send the request again with the same key, and get the outcome of the first one. */
async function sendAgain(url: string, load: Load): Promise<Answered[]> {
  const stored = await queryDatabase(storedClaims);
  const crowd = new Crowd();
  const answered = await Promise.all(
    load.unanswered.map(async (step): Promise<Answered> => {
      return { step, answer: await crowd.send(url, requestOf(step)) };
    }),
  );
  crowd.close();
  for (const { step, answer } of answered) {
    const { status, headers, body } = answer;
    const before = timeOf(step, stored);
    expect(status).toBe(200);
    if (step.f === 'claim' || step.f === 'redeem') {
      expect(headers['idempotency-replayed']).toBe(before === undefined ? undefined : 'true');
    }
    if (before === undefined) continue;
    expect(body.claim_id).toBe(stored.get(step.userId)?.claim_id);
    expect(Date.parse(body[timeNames[step.f]])).toBe(before);
  }
  return answered;
}

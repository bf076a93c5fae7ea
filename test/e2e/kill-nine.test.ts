// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRunningServer } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { audit, claimIdsByUser, type Query } from '../support/audit.ts';
import { type Answer, Crowd, range } from '../support/crowd.ts';
import {
  endServiceProcesses,
  familyOf,
  killFamily,
  type ProcessEntry,
  patience,
  type ServiceProcess,
  startServiceProcess,
  stillAlive,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const rounds = Number(process.env.KILL_ROUNDS ?? 3);
const isLinux = process.platform === 'linux';
const couponName = 'LAUNCH';
const clients = 64;

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

/** The answers that clients got until their connections broke, and the users without an answer. */
type Load = { answers: Answer[]; unanswered: string[]; ended: Promise<void> };

/** Clients that claim, each time for a new user, until their connection breaks. */
function claimWithoutEnd(crowd: Crowd, url: string, round: number): Load {
  const load: Omit<Load, 'ended'> = { answers: [], unanswered: [] };
  const client = async (index: number) => {
    for (let count = 0; ; count += 1) {
      const userId = `round-${round}-client-${index}-${count}`;
      try {
        load.answers.push(await crowd.claim(url, { couponName, userId, key: userId }));
      } catch {
        load.unanswered.push(userId);
        return;
      }
    }
  };
  const ended = Promise.all(range(clients).map(client)).then(() => undefined);
  return { ...load, ended };
}

describe('kill -9 of the service, with and without its database, under load', () => {
  it(`loses no acknowledged claim in ${rounds} kills of the service under load`, async () => {
    const received: Answer[] = [];
    for (const round of range(rounds)) {
      const crowd = new Crowd();
      const service = await start();
      if (round === 0) await crowd.createCoupon(service.url, couponName, 1_000_000);
      const load = claimWithoutEnd(crowd, service.url, round);
      // Each round kills the service after another number of answers.
      await waitFor('answers', () => load.answers.length > 100 + 400 * round);
      // The database has its own process group and shuts down cleanly. In every second round the test kills it too.
      if (isLinux && round % 2 === 0) killFamily(service.pid);
      await service.killGroup();
      await load.ended;
      crowd.close();
      expect(load.answers.every(({ status }) => status === 200)).toBe(true);
      expect(load.unanswered.length).toBe(clients);
      received.push(...load.answers);

      const again = await start();
      expect(await queryDatabase((query) => audit(query, received))).toEqual([]);
      received.push(...(await sendAgain(again.url, load)));
      expect(await queryDatabase((query) => audit(query, received))).toEqual([]);
      await again.killGroup();
    }
  });
});

/** Users without an answer send the request again with the same key, and get the outcome of the first one. */
async function sendAgain(url: string, load: Load): Promise<Answer[]> {
  const stored = await queryDatabase((query) => claimIdsByUser(query, couponName));
  const crowd = new Crowd();
  const answers = await Promise.all(
    load.unanswered.map((userId) => crowd.claim(url, { couponName, userId, key: userId })),
  );
  crowd.close();
  for (const [index, { status, headers, body }] of answers.entries()) {
    const before = stored.get(load.unanswered[index] ?? '');
    expect(status).toBe(200);
    expect(headers['idempotency-replayed']).toBe(before === undefined ? undefined : 'true');
    if (before !== undefined) expect(body.claim_id).toBe(before);
  }
  return answers;
}

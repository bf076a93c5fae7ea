// SPDX-License-Identifier: GPL-3.0-or-later
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Crowd } from '../support/crowd.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const key = (name: string) => name.repeat(40).slice(0, 40);
let folder: string;
const path = (name: string) => join(folder, name);
const write = (name: string, text: string) => writeFile(path(name), `${text}\n`, { mode: 0o600 });

beforeEach(async () => {
  folder = await createTemporaryFolder('rotation');
  for (const name of ['admin', 'claim', 'viewer']) await write(name, key(`${name}1`));
});
afterEach(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

const start = () =>
  startServiceProcess({
    ...{ ...patience, DATA_DIR: path('data'), WORKERS: '2', LOG_LEVEL: 'info' },
    ...{ ADMIN_API_KEY_FILE: path('admin'), ADMIN_API_KEY_NEXT_FILE: path('admin-next') },
    ...{ CLAIM_API_KEY_FILE: path('claim'), CLAIM_API_KEY_NEXT_FILE: path('claim-next') },
    VIEWER_API_KEY_FILE: path('viewer'),
  });

/** Waits until the log reports for the nth time that every process uses a change of each of these keys. */
async function reported(service: ServiceProcess, variables: string[], count = 1): Promise<void> {
  const changes = () =>
    service
      .output()
      .split('\n')
      .filter((line) => line.includes('keys read again'))
      .flatMap((line): string[] => JSON.parse(line).changed);
  await waitFor(
    `report ${count} of ${variables}`,
    () => {
      const reports = changes();
      return variables.every((name) => reports.filter((one) => one === name).length >= count);
    },
    { timeoutMs: 120_000 },
  );
}

/** Clients that call without a pause, on connections that stay open and on new ones, so that every worker serves some. */
class Clients {
  readonly statuses = new Map<string, number>();
  keys = { admin: key('admin1'), claim: key('claim1') };
  private readonly rounds: number[] = [];
  private readonly service: ServiceProcess;
  private readonly crowd = new Crowd();
  private ended = false;
  private readonly loops: Promise<void>[];

  constructor(service: ServiceProcess) {
    this.service = service;
    this.loops = Array.from({ length: 8 }, (_, index) => this.run(index));
  }

  private async run(index: number): Promise<void> {
    for (this.rounds[index] = 0; !this.ended; this.rounds[index] += 1) {
      const connection = index % 2 === 0 ? {} : { connection: 'close' };
      const send = async (method: string, url: string, bearer: string, body?: object) => {
        const headers = { ...connection, authorization: `Bearer ${bearer}` };
        const request = { method, path: url, headers, body };
        const { status } = await this.crowd.send(this.service.url, request);
        const what = `${method} ${url} ${status}`;
        this.statuses.set(what, (this.statuses.get(what) ?? 0) + 1);
      };
      const claim = { user_id: `user-${index}-${this.rounds[index]}`, coupon_name: 'SALE' };
      await send('POST', '/api/coupons/claim', this.keys.claim, claim);
      await send('PATCH', '/api/coupons/SALE', this.keys.admin, { paused: false });
      await send('GET', '/api/coupons', key('viewer1'));
    }
  }

  /** Waits until every client has begun and ended a round, so that none uses an earlier key any more. */
  async haveSwitched(): Promise<void> {
    const before = [...this.rounds];
    await waitFor('round of every client', () =>
      this.rounds.every((round, index) => round >= (before[index] ?? 0) + 2),
    );
  }

  async end(): Promise<void> {
    this.ended = true;
    await Promise.all(this.loops);
    this.crowd.close();
  }
}

async function statusesOf(service: ServiceProcess, bearer: string): Promise<number[]> {
  const crowd = new Crowd();
  const headers = { authorization: `Bearer ${bearer}`, connection: 'close' };
  const requests = Array.from({ length: 20 }, () =>
    crowd.send(service.url, { path: '/api/coupons', headers }),
  );
  const answers = await Promise.all(requests);
  crowd.close();
  return [...new Set(answers.map(({ status }) => status))];
}

it('a rotation under load rejects no request that carries a valid key', async () => {
  const nextKeys = ['ADMIN_API_KEY_NEXT', 'CLAIM_API_KEY_NEXT'];
  const service = await start();
  const created = await fetch(`${service.url}/api/coupons`, {
    ...{ method: 'POST', body: '{"name":"SALE","amount":1000000}' },
    headers: { Authorization: `Bearer ${key('admin1')}` },
  });
  expect(created.status).toBe(201);
  const clients = new Clients(service);
  await clients.haveSwitched();

  await write('admin-next', key('admin2'));
  await write('claim-next', key('claim2'));
  await reported(service, nextKeys);
  clients.keys = { admin: key('admin2'), claim: key('claim2') };
  await clients.haveSwitched();

  // One file is replaced, the other is written in place.
  await write('new', key('admin2'));
  await rename(path('new'), path('admin'));
  await write('claim', key('claim2'));
  await reported(service, ['ADMIN_API_KEY', 'CLAIM_API_KEY']);
  await clients.haveSwitched();

  await rm(path('admin-next'));
  await rm(path('claim-next'));
  await reported(service, nextKeys, 2);
  await clients.haveSwitched();
  await clients.end();

  expect([...clients.statuses.keys()].sort()).toEqual([
    'GET /api/coupons 200',
    'PATCH /api/coupons/SALE 200',
    'POST /api/coupons/claim 200',
  ]);
  expect(await statusesOf(service, key('admin2'))).toEqual([200]);
  expect(await statusesOf(service, key('admin1'))).toEqual([401]);
  expect(service.output()).not.toMatch(/admin2|claim2|does not confirm/);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { familyOf, stillAlive } from '../support/process-family.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const isLinux = process.platform === 'linux';
const key = (name: string) => name.repeat(40).slice(0, 40);
let folder: string;
let adminFile: string;
let claimFile: string;

// All services use one database, which the first one creates.
beforeAll(async () => {
  folder = await createTemporaryFolder('reload');
  adminFile = join(folder, 'admin-key');
  claimFile = join(folder, 'claim-key');
});

beforeEach(async () => {
  await write(adminFile, key('admin1'));
  await write(claimFile, key('claim1'));
});

afterEach(endServiceProcesses);

afterAll(() => removeTemporaryFolder(folder));

const write = (file: string, text: string) => writeFile(file, `${text}\n`, { mode: 0o600 });

const start = (workers: string) =>
  startServiceProcess({
    ...{ ...patience, DATA_DIR: join(folder, 'data'), WORKERS: workers, LOG_LEVEL: 'info' },
    ...{ ADMIN_API_KEY_FILE: adminFile, CLAIM_API_KEY_FILE: claimFile },
  });

type Event = { msg: string } & Record<string, unknown>;

const events = (service: ServiceProcess): Event[] =>
  service
    .output()
    .split('\n')
    // The last line may not be complete yet.
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

/** Sends SIGHUP and returns the event that the service then logs. */
async function reload(service: ServiceProcess, message: string): Promise<Event> {
  // Not the warning of a file that the service finds changed by itself.
  const matching = () =>
    events(service).filter(({ msg, level }) => msg.includes(message) && level !== 40);
  const before = matching().length;
  service.signal('SIGHUP');
  return waitFor('log of the reload', () => matching()[before]);
}

/** The keys that admin calls accept. Each request has its own connection, so that every worker gets some. */
async function acceptedKeys(service: ServiceProcess, keys: string[]): Promise<string[]> {
  const statuses = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const key = keys[index % keys.length] ?? '';
      const answer = await fetch(`${service.url}/api/coupons`, {
        headers: { Authorization: `Bearer ${key}`, Connection: 'close' },
      });
      await answer.text();
      expect([200, 401]).toContain(answer.status);
      return answer.status === 200 ? key : '';
    }),
  );
  return [...new Set(statuses.filter(Boolean))].sort();
}

const claim = async (service: ServiceProcess, bearer: string) => {
  const answer = await fetch(`${service.url}/api/coupons/claim`, {
    ...{ method: 'POST', body: '{"user_id":"ada","coupon_name":"NONE"}' },
    headers: { Authorization: `Bearer ${bearer}`, Connection: 'close' },
  });
  return answer.status;
};

describe.each(['1', '2'])('SIGHUP without a terminal, to a service of %s processes', (workers) => {
  it('accepts the new keys in the files after SIGHUP, and does not stop', async () => {
    const service = await start(workers);
    const all = [key('admin1'), key('admin2')];
    expect(await acceptedKeys(service, all)).toEqual([key('admin1')]);
    await write(adminFile, key('admin2'));
    expect(await reload(service, 'keys read again')).toMatchObject({
      ...{ level: 30, read: ['ADMIN_API_KEY_FILE', 'CLAIM_API_KEY_FILE'] },
    });
    // The service may have found the change before the signal.
    const changed = () => events(service).flatMap((event) => event.changed ?? []);
    expect(changed()).toEqual(['ADMIN_API_KEY']);
    await waitFor('new key in every process', async () => {
      const open = await acceptedKeys(service, all);
      return open.length === 1 && open[0] === key('admin2');
    });
    expect(await claim(service, key('claim1'))).toBe(404);
    await write(claimFile, key('claim2'));
    await reload(service, 'keys read again');
    await waitFor('new claim key', async () => (await claim(service, key('claim2'))) === 404);
    await waitFor('end of the old', async () => (await claim(service, key('claim1'))) === 401);
    expect(service.output()).not.toMatch(/stopping|admin2|claim2/);
  });

  it('keeps the old keys while a file cannot be used, and names the file', async () => {
    const service = await start(workers);
    await write(claimFile, key('claim2'));
    for (const [breakFile, mistake] of [
      [() => writeFile(adminFile, ''), 'it is empty'],
      [() => writeFile(adminFile, 'with space\n'), 'ADMIN_API_KEY (read from ADMIN_API_KEY_FILE)'],
      [() => write(adminFile, key('claim2')), 'CLAIM_API_KEY must differ'],
      [() => rm(adminFile), 'there is no such file'],
    ] as const) {
      await breakFile();
      const event = await reload(service, 'the keys were not changed');
      expect(event).toMatchObject({ level: 50, mistakes: [expect.stringContaining(mistake)] });
    }
    expect(await acceptedKeys(service, [key('admin1'), key('claim2')])).toEqual([key('admin1')]);
    expect(await claim(service, key('claim1'))).toBe(404);
    expect(service.output()).not.toMatch(/claim2/);

    if (workers === '1' || !isLinux) return;
    // Workers that replace dead ones have the keys too.
    const workersOf = () =>
      familyOf(service.pid).filter(({ command }) => /main\.[jt]s worker /.test(command));
    for (const { pid } of workersOf()) process.kill(pid, 'SIGKILL');
    await waitFor('answer of another worker', async () => {
      const open = await acceptedKeys(service, [key('admin1')]);
      return open[0] === key('admin1');
    });
  });
});

it('stops no process at SIGHUP without files of keys', async () => {
  const env = { ...patience, DATA_DIR: join(folder, 'data'), WORKERS: '2' };
  const service = await startServiceProcess(env);
  const family = isLinux ? familyOf(service.pid) : [];
  // PostgreSQL reads its configuration again at SIGHUP.
  for (const { pid } of family) process.kill(pid, 'SIGHUP');
  service.signal('SIGHUP');
  await waitFor('log of the signal', () => service.output().includes('SIGHUP has no effect'));
  expect(stillAlive(family)).toEqual(family);
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
});

it.runIf(isLinux)('opens no debugger and ends no process at SIGUSR1', async () => {
  const env = { ...patience, DATA_DIR: join(folder, 'data'), WORKERS: '2' };
  const service = await startServiceProcess(env);
  const family = familyOf(service.pid);
  for (let count = 0; count < 3; count += 1) {
    for (const { pid } of family) process.kill(pid, 'SIGUSR1');
    // A process that answers has received the signal.
    for (let requests = 0; requests < 20; requests += 1) {
      const headers = { Connection: 'close' };
      expect((await fetch(`${service.url}/readyz`, { headers })).status).toBe(200);
    }
  }
  expect(stillAlive(family)).toEqual(family);
  expect(service.output()).not.toMatch(/debugger|inspector/i);
});

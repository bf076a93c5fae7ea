// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Crowd, range, tally } from '../support/crowd.ts';
import {
  endServiceProcesses,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const workers = 3;
let dataDir: string;
let service: ServiceProcess;
const crowd = new Crowd({ connectionsMax: 60 });

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'firstcome-workers-'));
  service = await startServiceProcess({ DATA_DIR: dataDir, WORKERS: String(workers) });
});

afterAll(async () => {
  crowd.leave();
  await endServiceProcesses();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The workers that run now, told from the database by their command lines. */
function workerPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = / (\d+)/.exec(
          readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) ./, ''),
        );
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent?.[1]) === service.pid && command.includes('\0worker\0');
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function answered(): Promise<number> {
  const { body } = await crowd.ask(service.url, { path: '/metrics' });
  const counts = [...String(body).matchAll(/^firstcome_claims_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('a service with several workers', () => {
  it('sells exactly what there is, and shows the metrics of all as one', async () => {
    await crowd.createCoupon(service.url, 'CROWD', 200);
    const answers = await Promise.all(
      range(1000).map((user) =>
        crowd.claim(service.url, { couponName: 'CROWD', userId: `user-${user}` }),
      ),
    );
    expect(tally(answers)).toEqual({ '200': 200, '400 sold_out': 800 });
    expect(await answered()).toBe(1000);
    expect(workerPids()).toHaveLength(workers);
  });

  it('replaces a worker that dies, and goes on meanwhile', async () => {
    const [victim = 0, ...others] = workerPids();
    process.kill(victim, 'SIGKILL');
    expect(
      (await crowd.ask(service.url, { path: '/health' }).catch(() => undefined))?.status ?? 200,
    ).toBe(200);
    await waitFor('new worker', () => workerPids().length === workers);
    expect(workerPids()).toEqual(expect.arrayContaining(others));
    expect(workerPids()).not.toContain(victim);
    await waitFor('answer', async () => {
      const answer = await crowd.ask(service.url, { path: '/health' }).catch(() => undefined);
      return answer?.status === 200;
    });
  });

  it('ends with all its workers when it is told to', async () => {
    const pids = workerPids();
    service.signal('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });

  it('leaves no worker behind when its primary is killed', async () => {
    service = await startServiceProcess({ DATA_DIR: dataDir, WORKERS: '2' });
    const pids = workerPids();
    expect(pids).toHaveLength(2);
    process.kill(service.pid, 'SIGKILL');
    await service.exited;
    await waitFor('end of the workers', () =>
      pids.every((pid) => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      }),
    );
  });

  it('is not started with a number of workers that makes no sense', async () => {
    const told = await runToEnd({ DATA_DIR: dataDir }, ['serve', '--workers', 'many']);
    expect(told.code).toBe(1);
    expect(told.output).toContain('WORKERS must be a whole number from 1 to 64, or auto');
  });
});

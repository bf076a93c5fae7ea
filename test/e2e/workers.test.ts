// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFactNames } from '../../src/adapters/prometheus/metric-sources.ts';
import { Crowd, range, tally } from '../support/crowd.ts';
import { familyOf, type ProcessEntry, processes, stillAlive } from '../support/process-family.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const workers = 3;
const startedSeconds = Date.now() / 1000;
let dataDir: string;
let service: ServiceProcess;
let crowdSeconds = 0;
const crowd = new Crowd({ connectionsMax: 60 });

beforeAll(async () => {
  dataDir = await createTemporaryFolder('workers');
  service = await startService(workers);
});

afterAll(async () => {
  crowd.close();
  await endServiceProcesses();
  await removeTemporaryFolder(dataDir);
});

function startService(count: number): Promise<ServiceProcess> {
  return startServiceProcess({ ...patience, DATA_DIR: dataDir, WORKERS: String(count) });
}

/** The running workers, distinguished from the database by their command lines. */
function workersNow(): ProcessEntry[] {
  return processes().filter(
    ({ parent, command }) => parent === service.pid && command.includes(' worker '),
  );
}

const workerPids = () => workersNow().map(({ pid }) => pid);

function killWorkers(): void {
  for (const pid of workerPids()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function canListen(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
}

/** The series of `/metrics` with their values, as soon as all workers have sent theirs: until then the status is 503. */
async function metrics(): Promise<Record<string, number>> {
  const { body } = await waitFor('metrics of all workers', async () => {
    const answer = await crowd.send(service.url, { path: '/metrics' });
    expect([200, 503]).toContain(answer.status);
    return answer.status === 200 ? answer : undefined;
  });
  const lines = String(body).matchAll(/^((?:firstcome|process_start)_[^ ]*(?:\{.*\})?) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, series, value]) => [series, Number(value)]));
}

/** The claims answered so far by outcome, from three different series. */
function answeredIn(found: Record<string, number>): Record<string, unknown>[] {
  const of = (name: string, more = '') =>
    Object.fromEntries(
      ['claimed', 'sold_out'].map((outcome) => [
        outcome,
        found[`${name}{${more}outcome="${outcome}"}`],
      ]),
    );
  return [
    of('firstcome_claims_total'),
    of('firstcome_claim_answer_seconds_count'),
    of('firstcome_claim_answer_seconds_bucket', 'le="+Inf",'),
  ];
}

describe('a service with several workers', () => {
  it('sells exactly 200 of 1000 claims with three workers, and adds up their metrics', async () => {
    await crowd.createCoupon(service.url, 'CROWD', 200);
    const sentMs = performance.now();
    const answers = await Promise.all(
      range(1000).map((user) =>
        crowd.claim(service.url, { couponName: 'CROWD', userId: `user-${user}` }),
      ),
    );
    crowdSeconds = (performance.now() - sentMs) / 1000;
    expect(tally(answers)).toEqual({ '200': 200, '400 sold_out': 800 });
    const found = await metrics();
    for (const counts of answeredIn(found)) expect(counts).toEqual({ claimed: 200, sold_out: 800 });
    expect(workerPids()).toHaveLength(workers);
  });

  it('serves the console from any worker', async () => {
    const headers = { Connection: 'close' };
    const answers = await Promise.all(
      range(20).map(() => fetch(`${service.url}/console`, { headers })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('adds up the answer times of all workers in sum and buckets', async () => {
    const found = await metrics();
    const name = 'firstcome_claim_answer_seconds';
    const buckets = Object.entries(found)
      .filter(([series]) => series.startsWith(`${name}_bucket`) && series.includes('"claimed"'))
      .map(([, count]) => count);
    expect(buckets).toHaveLength(14);
    expect(buckets).toEqual(buckets.toSorted((one, other) => one - other));
    const sum = found[`${name}_sum{outcome="claimed"}`] ?? 0;
    expect(sum).toBeGreaterThan(0);
    // No answer took longer than all of them together.
    expect(sum).toBeLessThan(200 * crowdSeconds);
  });

  it('one worker runs the duties for all, and the one that replaces it goes on', async () => {
    const runner = () =>
      waitFor('one worker that runs both duties', async () => {
        const answer = await fetch(`${service.url}/health`).catch(() => undefined);
        const { duties = [] } = ((await answer?.json()) ?? {}) as { duties?: { node?: string }[] };
        const pids = new Set(duties.map(({ node = '' }) => Number(node.split('/')[1])));
        return pids.size === 1 ? workerPids().find((pid) => pids.has(pid)) : undefined;
      });
    const before = await runner();
    const others = workerPids().filter((pid) => pid !== before);
    process.kill(before, 'SIGKILL');
    await waitFor('end', () => !workerPids().includes(before));
    const after = await runner();
    expect(after).not.toBe(before);
    expect((await metrics())['firstcome_duty_running{duty="stock_check"}']).toBe(1);
    // Only the worker that has replaced it takes over.
    expect(others).not.toContain(after);
  });

  it('adds up the limits of all workers, and shows once what they share', async () => {
    const found = await metrics();
    expect(found).toMatchObject({
      'firstcome_database_connections_max{pool="batches"}': workers * 8,
      'firstcome_database_connections_max{pool="queries"}': workers * 4,
      firstcome_database_up: 1,
      firstcome_claims_waiting: 0,
      firstcome_sold_out_coupons: 1,
      firstcome_stock_difference_units: 0,
    });
    const facts = Object.entries(found).filter(([series]) => series.includes('_info{'));
    expect(facts.map(([, value]) => value)).toEqual([1, 1]);
    expect(facts.map(([series]) => series).join()).toContain(`workers="${workers}"`);
    expect(found.firstcome_event_loop_utilization_ratio).toBeLessThanOrEqual(1);
    expect(Object.entries(found).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
  });

  it('exposes the documented settings as labels', async () => {
    const series =
      Object.keys(await metrics()).find((name) => name.includes('_config_info{')) ?? '';
    const labels = [...series.matchAll(/(\w+)="/g)].map(([, label]) => label);
    expect(labels.toSorted()).toEqual(configFactNames.toSorted());
  });

  it('reports the start time of the oldest worker', async () => {
    const oldest = (await metrics()).process_start_time_seconds ?? 0;
    // The metric is rounded to seconds.
    expect(oldest).toBeGreaterThan(startedSeconds - 2);
    expect(oldest).toBeLessThan(Date.now() / 1000);
  });

  it('replaces a dead worker and serves meanwhile', async () => {
    const [victim = 0, ...others] = workerPids();
    process.kill(victim, 'SIGKILL');
    expect(
      (await crowd.send(service.url, { path: '/health' }).catch(() => undefined))?.status ?? 200,
    ).toBe(200);
    await waitFor('new worker', () => {
      const now = workerPids();
      return now.length === workers && !now.includes(victim);
    });
    expect(workerPids()).toEqual(expect.arrayContaining(others));
    await waitFor('answer', async () => {
      const answer = await crowd.send(service.url, { path: '/health' }).catch(() => undefined);
      return answer?.status === 200;
    });
  });

  it('never lowers a count when a worker dies', async () => {
    const before = answeredIn(await metrics());
    for (const victim of workerPids().slice(1)) {
      process.kill(victim, 'SIGKILL');
      await waitFor('end of the worker', () => !workerPids().includes(victim));
      // After this no connection leads to the dead worker. The counts must hold also before it is replaced.
      await waitFor('answer', () => metrics().catch(() => undefined));
      expect(answeredIn(await metrics())).toEqual(before);
      await waitFor('metrics of the new worker', async () => {
        const found = await metrics();
        return found['firstcome_database_connections_max{pool="batches"}'] === workers * 8;
      });
      expect(answeredIn(await metrics())).toEqual(before);
    }
    await crowd.createCoupon(service.url, 'AFTERWARDS', 30);
    const answers = await Promise.all(
      range(30).map((user) =>
        crowd.claim(service.url, { couponName: 'AFTERWARDS', userId: `user-${user}` }),
      ),
    );
    expect(tally(answers)).toEqual({ '200': 30 });
    for (const counts of answeredIn(await metrics())) {
      expect(counts).toEqual({ claimed: 230, sold_out: 800 });
    }
  });

  it('serves again on its port after several failed starts of workers', async () => {
    const port = Number(new URL(service.url).port);
    const otherServer = createServer();
    await waitFor('free port', async () => {
      // New workers may have taken the port again.
      killWorkers();
      return canListen(otherServer, port);
    });
    const failedStarts = () =>
      service.output().split(`port ${port} on 127.0.0.1 is in use`).length - 1;
    // The delay doubles with each failed start.
    const patience = { timeoutMs: 120_000 };
    await waitFor('failed starts of workers', () => failedStarts() > workers, patience);
    otherServer.close();
    const allServe = async () => {
      const found = await metrics();
      return found['firstcome_database_connections_max{pool="batches"}'] === workers * 8;
    };
    await waitFor('metrics of all workers', allServe, patience);
  });

  it('ends with all its workers at SIGTERM', async () => {
    const all = workersNow();
    expect(all).toHaveLength(workers);
    service.signal('SIGTERM');
    expect(await service.ended(), service.output()).toEqual({ code: 0, signal: null });
    expect(stillAlive(all)).toEqual([]);
  });

  it('leaves no worker behind when its primary is killed', async () => {
    service = await startService(2);
    expect(workersNow()).toHaveLength(2);
    const family = familyOf(service.pid);
    process.kill(service.pid, 'SIGKILL');
    await service.ended();
    // The database must end too, before the test removes its files.
    await waitFor('end of the workers', () => stillAlive(family).length === 0);
  });

  it('refuses to start with an invalid number of workers', async () => {
    const failed = await runToEnd({ DATA_DIR: dataDir }, ['serve', '--workers', 'many']);
    expect(failed.code).toBe(1);
    expect(failed.output).toContain('WORKERS must be a whole number from 1 to 64, or auto');
  });
});

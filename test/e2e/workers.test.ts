// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFactNames } from '../../src/adapters/prometheus/metric-sources.ts';
import { Crowd, range, tally } from '../support/crowd.ts';
import {
  endServiceProcesses,
  familyOf,
  type ProcessEntry,
  patience,
  processes,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
  stillAlive,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const workers = 3;
const beganSeconds = Date.now() / 1000;
let dataDir: string;
let service: ServiceProcess;
const crowd = new Crowd({ connectionsMax: 60 });

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'firstcome-workers-'));
  service = await startService(workers);
});

afterAll(async () => {
  crowd.close();
  await endServiceProcesses();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

function startService(count: number): Promise<ServiceProcess> {
  return startServiceProcess({ ...patience, DATA_DIR: dataDir, WORKERS: String(count) });
}

/** The workers that run now, told from the database by their command lines. */
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

/** What `/metrics` tells, by the series, as soon as all workers have told it: of one that is late it says so. */
async function metrics(): Promise<Record<string, number>> {
  const { body } = await waitFor('metrics of all workers', async () => {
    const answer = await crowd.send(service.url, { path: '/metrics' });
    expect([200, 503]).toContain(answer.status);
    return answer.status === 200 ? answer : undefined;
  });
  const lines = String(body).matchAll(/^((?:firstcome|process_start)_[^ ]*(?:\{.*\})?) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, series, value]) => [series, Number(value)]));
}

/** The claims answered so far, by outcome, as each of these series tells them. */
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
  it('sells exactly what there is, and shows the metrics of all as one', async () => {
    await crowd.createCoupon(service.url, 'CROWD', 200);
    const answers = await Promise.all(
      range(1000).map((user) =>
        crowd.claim(service.url, { couponName: 'CROWD', userId: `user-${user}` }),
      ),
    );
    expect(tally(answers)).toEqual({ '200': 200, '400 sold_out': 800 });
    const found = await metrics();
    for (const counts of answeredIn(found)) expect(counts).toEqual({ claimed: 200, sold_out: 800 });
    expect(workerPids()).toHaveLength(workers);
  });

  it('adds up the times of answers, and bucket by bucket what they took at most', async () => {
    const found = await metrics();
    const name = 'firstcome_claim_answer_seconds';
    const buckets = Object.entries(found)
      .filter(([series]) => series.startsWith(`${name}_bucket`) && series.includes('"claimed"'))
      .map(([, count]) => count);
    expect(buckets).toHaveLength(14);
    expect(buckets).toEqual(buckets.toSorted((one, other) => one - other));
    const sum = found[`${name}_sum{outcome="claimed"}`] ?? 0;
    expect(sum).toBeGreaterThan(0);
    // Nobody waited longer than the whole crowd took.
    expect(sum).toBeLessThan(200 * 30);
  });

  it('adds up what there may be of each, and tells once what all share', async () => {
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

  it('tells of its settings what the documentation says', async () => {
    const series =
      Object.keys(await metrics()).find((name) => name.includes('_config_info{')) ?? '';
    const labels = [...series.matchAll(/(\w+)="/g)].map(([, label]) => label);
    expect(labels.toSorted()).toEqual(configFactNames.toSorted());
  });

  it('started when the worker did that has run longest', async () => {
    const told = (await metrics()).process_start_time_seconds ?? 0;
    expect(told).toBeGreaterThan(beganSeconds - 2);
    expect(told).toBeLessThan(Date.now() / 1000);
  });

  it('replaces a worker that dies, and goes on meanwhile', async () => {
    const [victim = 0, ...others] = workerPids();
    process.kill(victim, 'SIGKILL');
    expect(
      (await crowd.send(service.url, { path: '/health' }).catch(() => undefined))?.status ?? 200,
    ).toBe(200);
    // It may take the kernel some time to end it.
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

  it('never counts less because a worker died', async () => {
    const before = answeredIn(await metrics());
    for (const victim of workerPids().slice(1)) {
      process.kill(victim, 'SIGKILL');
      await waitFor('end of the worker', () => !workerPids().includes(victim));
      // Nobody's connection leads to it any more; then, also while its place is empty.
      await waitFor('answer', () => metrics().catch(() => undefined));
      expect(answeredIn(await metrics())).toEqual(before);
      await waitFor('new worker among those that tell', async () => {
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

  it('comes back to its port by itself, however often a worker cannot start', async () => {
    const port = Number(new URL(service.url).port);
    const squatter = createServer();
    await waitFor('free port', async () => {
      // Again each time: others may have come and taken it.
      killWorkers();
      return canListen(squatter, port);
    });
    const complaints = () =>
      service.output().split(`port ${port} on 127.0.0.1 is in use`).length - 1;
    // Each waits longer than the one before it.
    const patience = { timeoutMs: 60_000 };
    const others = 'workers that give up, and others after them';
    await waitFor(others, () => complaints() > workers, patience);
    squatter.close();
    const allTell = async () => {
      const found = await metrics();
      return found['firstcome_database_connections_max{pool="batches"}'] === workers * 8;
    };
    await waitFor('answers of all workers', allTell, patience);
  });

  it('ends with all its workers when it is told to', async () => {
    const all = workersNow();
    expect(all).toHaveLength(workers);
    service.signal('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(stillAlive(all)).toEqual([]);
  });

  it('leaves no worker behind when its primary is killed', async () => {
    service = await startService(2);
    expect(workersNow()).toHaveLength(2);
    const family = familyOf(service.pid);
    process.kill(service.pid, 'SIGKILL');
    await service.exited;
    // The database too: its files are removed after this.
    await waitFor('end of the workers', () => stillAlive(family).length === 0);
  });

  it('is not started with a number of workers that makes no sense', async () => {
    const told = await runToEnd({ DATA_DIR: dataDir }, ['serve', '--workers', 'many']);
    expect(told.code).toBe(1);
    expect(told.output).toContain('WORKERS must be a whole number from 1 to 64, or auto');
  });
});

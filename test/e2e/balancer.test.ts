// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type BundledPostgres,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { problems } from '../../src/entrypoints/http/problems/problem-kinds.ts';
import { readCompose } from '../support/compose-files.ts';
import { Crowd } from '../support/crowd.ts';
import {
  type Balancer,
  checkConfiguration,
  findHaproxy,
  startBalancer,
} from '../support/haproxy.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const found = findHaproxy();
if (found === undefined) {
  if (process.env.CI) throw new Error('haproxy is not installed, and CI must not do without it');
  process.stderr.write('The balancer is not tested: haproxy is not installed.\n');
}
const haproxy = found ?? '';
const isLinux = process.platform === 'linux';
// As many clients wait on the suspended node before it is killed. At the rate of the drill that takes less than a second,
// before the checks of the balancer notice: two in a row must fail, each after two seconds.
const waitingClients = 20;
// More than the clients that wait on the suspended node, so that all others find a free connection.
const connections = 600;
const rate = 250;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The members of a drill's report that these tests read. */
type Report = { startedAt: string; totals: { info: number; answers: Record<string, number> } };

const portOf = (node: ServiceProcess | undefined) => Number(new URL(node?.url ?? '').port);

/** The number of connections to a port on this machine with bytes that its process has not read. */
async function unreadConnections(port: number): Promise<number> {
  const [, ...rows] = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n');
  const localEnd = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return rows.filter((row) => {
    const [, local = '', , , queues = ''] = row.trim().split(/\s+/);
    const [, unread = '0'] = queues.split(':');
    return local.endsWith(localEnd) && Number.parseInt(unread, 16) > 0;
  }).length;
}

describe.skipIf(found === undefined)('the balancer before three nodes', () => {
  let folder: string;
  let postgres: BundledPostgres;
  let nodes: ServiceProcess[];
  let balancer: Balancer;

  // The same value as in compose.yaml, so that this cluster behaves like that one.
  const { SHUTDOWN_DELAY_MS = '' } =
    readCompose(['compose.yaml']).services.service?.environment ?? {};
  const databaseEnv = () => ({ DATABASE_URL: postgres.url });
  const startNode = () => startServiceProcess({ ...patience, ...databaseEnv(), SHUTDOWN_DELAY_MS });
  const urls = () => nodes.map(({ url }) => url);
  const inFolder = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'firstcome-balancer-'));
    await chmod(folder, 0o755);
    const dataDir = inFolder('data');
    postgres = await startBundledPostgres({ dataDir, say: () => {}, log: () => {} });
    nodes = await Promise.all([startNode(), startNode(), startNode()]);
    balancer = await startBalancer(haproxy, urls());
  });

  afterAll(async () => {
    await balancer?.stop();
    await endServiceProcesses();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Runs a drill through the balancer, runs `meanwhile` once it is under way, and returns its report. */
  async function drill(seed: number, meanwhile: () => Promise<void>): Promise<Report> {
    const history = inFolder(`${seed}.jsonl`);
    const ended = runToEnd(databaseEnv(), [
      ...['drill', 'flash-sale', '--url', balancer.url, '--seed', String(seed), '--no-audit'],
      ...['--users', '3000', '--units', '1500', '--rate', String(rate)],
      ...['--connections', String(connections)],
      ...['--history', history, '--json', inFolder('report.json')],
    ]);
    const sizeNow = () => (existsSync(history) ? statSync(history).size : 0);
    await waitFor('beginning of the drill', () => sizeNow() > 100_000);
    await meanwhile();
    const sizeThen = sizeNow();
    const { output } = await ended;
    expect(sizeNow(), 'the drill was over before').toBeGreaterThan(sizeThen + 100_000);
    expect(output).toContain('not judged');
    return JSON.parse(readFileSync(inFolder('report.json'), 'utf8'));
  }

  async function expectPassed(seed: number, options: string[]): Promise<void> {
    const history = inFolder(`${seed}.jsonl`);
    const { code, output } = await runToEnd(databaseEnv(), ['audit', history, ...options]);
    expect(output).toContain('verdict: passed');
    expect(code, output).toBe(0);
  }

  it('haproxy accepts the configuration without a warning', async () => {
    expect(await checkConfiguration(haproxy, urls())).not.toMatch(/warning|alert/i);
  });

  it('a drill is spread over all nodes, and no client notices that one of them is stopped', async () => {
    const { totals } = await drill(1, async () => {
      for (const url of urls()) {
        const metrics = await (await fetch(`${url}/metrics`)).text();
        expect(metrics).toMatch(/^firstcome_claims_total\{.*\} [1-9]/m);
      }
      nodes[1]?.signal('SIGTERM');
      expect(await nodes[1]?.ended(), nodes[1]?.output()).toEqual({ code: 0, signal: null });
    });
    const { won = 0, shed, unsent, unknown } = totals.answers;
    expect(won).toBeGreaterThanOrEqual(1500);
    expect({ shed, unsent, unknown }).toEqual({ shed: 0, unsent: 0, unknown: 0 });
    await expectPassed(1, []);
  });

  it.runIf(isLinux)('no client gets a wrong answer when a node hangs and is killed', async () => {
    const times: number[] = [];
    const { startedAt, totals } = await drill(2, async () => {
      times.push(Date.now());
      nodes[2]?.signal('SIGSTOP');
      await waitFor('clients on the suspended node', async () => {
        return (await unreadConnections(portOf(nodes[2]))) >= waitingClients;
      });
      await nodes[2]?.killGroup();
      times.push(Date.now());
    });
    // The outcomes of the claims on that node are unknown; all other clients continue.
    expect(totals.info).toBeGreaterThan(0);
    expect(totals.answers.unsent).toBe(0);
    const faults = times.map((ms, index) => ({
      ...{ fault: 'kill', phase: index === 0 ? 'start' : 'end' },
      t_ms: Math.max(0, ms - Date.parse(startedAt)),
    }));
    const lines = faults.map((fault) => JSON.stringify(fault)).join('\n');
    writeFileSync(inFolder('faults.jsonl'), `${lines}\n`);
    await expectPassed(2, ['--faults', inFolder('faults.jsonl')]);
  });
});

describe.skipIf(found === undefined)('the balancer before nodes that break off', () => {
  const servers: Server[] = [];
  const received: string[] = [];
  // How many of the next calls are received and never answered.
  let broken = 0;
  let balancer: Balancer;

  beforeAll(async () => {
    for (const _ of range(3)) {
      const server = createServer((request, response) => {
        if (request.url === '/readyz' || request.url === '/livez') {
          response.end('{}');
          return;
        }
        request.resume().on('end', () => {
          received.push(`${request.method} ${request.url}`);
          broken -= 1;
          if (broken >= 0) request.socket.destroy();
          else response.end('{}');
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
    }
    const ports = servers.map((server) => (server.address() as AddressInfo).port);
    balancer = await startBalancer(
      haproxy,
      ports.map((port) => `http://127.0.0.1:${port}`),
    );
  });

  afterAll(async () => {
    await balancer?.stop();
    for (const server of servers) server.close().closeAllConnections();
  });

  beforeEach(async () => {
    // If this process was slow, the balancer counts its nodes as down for a while.
    await waitFor('balancer', async () => (await fetch(`${balancer.url}/livez`)).ok);
  });

  it('the balancer sends a claim only once and answers that its effect is unknown', async () => {
    broken = 1;
    // On a new connection: the balancer closes a used one without a response.
    const client = new Crowd();
    const claim = { method: 'POST', path: '/api/coupons/claim', body: {} };
    const { status, headers, body } = await client.send(balancer.url, claim);
    client.close();
    expect(received).toEqual(['POST /api/coupons/claim']);
    expect([status, headers['content-type']]).toEqual([502, 'application/problem+json']);
    expect(body).toMatchObject({ status: 502, effect: 'unknown' });
  });

  it('the balancer sends a read to another node when the first one fails', async () => {
    received.length = 0;
    broken = 1;
    expect((await fetch(`${balancer.url}/api/coupons/LAUNCH`)).status).toBe(200);
    expect(received).toEqual(['GET /api/coupons/LAUNCH', 'GET /api/coupons/LAUNCH']);
  });

  it('the health check of compose.yaml passes while a node is ready, and without one the balancer answers like the service', async () => {
    const [, program = '', ...args] =
      readCompose(['compose.yaml']).services.balancer?.healthcheck?.test ?? [];
    const address = new URL(balancer.url).host.replace(':', '/');
    const check = () =>
      run(
        program,
        args.map((arg) => arg.replace('127.0.0.1/8080', address)),
      );
    await check();

    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await expect(check()).rejects.toThrow();
    const answer = await fetch(`${balancer.url}/api/coupons/claim`, { method: 'POST', body: '{}' });
    const { title, error, effect, status } = problems.unavailable;
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({
      code: 'unavailable',
      title,
      error,
      effect,
      status,
    });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run cluster` as a newcomer runs it, without a terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { withNodes } from '../../examples/cluster/balancer-config.ts';
import { addressLines, guideLines } from '../../examples/cluster/guide.ts';
import { findPrograms } from '../../examples/cluster/programs.ts';
import { endOf, exitOf } from '../support/end-of-process.ts';
import { findHaproxy } from '../support/haproxy.ts';
import { findRedis } from '../support/redis-program.ts';
import { isAlive, serverPids } from '../support/server-processes.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
const haproxyConfiguration = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
const isReady = 'Ctrl-C ends all';

const steps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

/** Starts the cluster, with all its files in a folder of the test. */
async function started(args: string[], env: Record<string, string> = {}) {
  const folder = await createTemporaryFolder('t');
  steps.push(() => removeTemporaryFolder(folder));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'examples/cluster/cluster.ts', ...args],
    {
      ...{ cwd: root, stdio: ['ignore', 'pipe', 'pipe'] as const },
      env: { PATH, HOME, TMPDIR: folder, ...env },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = exitOf(child);
  const ended = () => endOf({ child, exited, output: () => output });
  steps.push(async () => {
    child.kill('SIGTERM');
    await ended();
  });
  const printed = (text: string) =>
    waitFor(text, () => child.exitCode !== null || output.includes(text));
  return { child, folder, output: () => output, ended, printed };
}

/** Every process that has files in the folder, or was started with it as its folder for temporary files. */
function processesOf(folder: string): number[] {
  const isStarted = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TMPDIR=${folder}\0`);
    } catch {
      return false;
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isStarted(name));
  return [...new Set([...pids.map(Number), ...serverPids(folder)])].filter(isAlive);
}

/** The files in a folder, except those of the compiler. */
const filesIn = (folder: string) => readdirSync(folder).filter((name) => !name.startsWith('tsx-'));

const claim = async (url: string, user: string) => {
  const answer = await fetch(`${url}/api/coupons/claim`, {
    method: 'POST',
    body: JSON.stringify({ user_id: user, coupon_name: 'LAUNCH' }),
    headers: { 'content-type': 'application/json', 'idempotency-key': user, connection: 'close' },
  });
  return answer.status;
};

/** The beginning of an event stream, up to the end of its first event. */
async function firstEvent(url: string): Promise<string> {
  const stopping = new AbortController();
  const { body } = await fetch(url, { signal: stopping.signal });
  let text = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (/^data: .*\n\n/m.test(text)) break;
  }
  stopping.abort();
  return text;
}

/** Claims for a user until the answer is final. A node that was killed may have taken the claim with it. */
async function claimFinally(url: string, user: string): Promise<number> {
  return waitFor('answer to a claim', async () => {
    const status = await claim(url, user);
    return status < 500 ? status : undefined;
  });
}

// The cluster takes both programs from the path. Another way to run Redis does not help.
const redis = await findRedis();
const isRunnable = findHaproxy() !== undefined && redis !== undefined && redis.image === undefined;

describe.runIf(isRunnable)('npm run cluster', () => {
  it('sells each unit once while a node is killed and Redis is stopped, and leaves nothing behind', async () => {
    const { child, folder, output, ended, printed } = await started([
      '--nodes',
      '2',
      '--port',
      '0',
    ]);
    await printed(isReady);
    const processOf = (name: string) =>
      Number(new RegExp(`^${name} .* process (\\d+)$`, 'm').exec(output())?.[1]);
    const url = /^Balancer +(\S+)/m.exec(output())?.[1] ?? '';
    const urls = [...output().matchAll(/^node-\d +(\S+)/gm)].map(([, node = '']) => node);
    expect(urls.length, output()).toBe(2);
    await fetch(`${url}/api/coupons`, { method: 'POST', body: '{"name":"LAUNCH","amount":20}' });

    const statuses: number[] = [];
    const claims = async (from: number, to: number) => {
      for (let user = from; user < to; user += 1)
        statuses.push(await claimFinally(url, `u${user}`));
    };
    await claims(0, 8);
    for (const node of urls) {
      const metrics = async () => (await fetch(`${node}/metrics`)).text();
      expect(await metrics()).toMatch(/^firstcome_claims_total\{.*\} [1-9]/m);
      await waitFor('Redis', async () => /^firstcome_redis_up 1$/m.test(await metrics()));
    }
    expect(await firstEvent(`${url}/api/coupons/LAUNCH/events`)).toMatch(
      /^event: stock\n(?:.*\n)*data: .*"remaining_amount":12/m,
    );
    process.kill(processOf('node-2'), 'SIGKILL');
    await printed('node-2 has ended: SIGKILL.');
    await claims(8, 16);
    process.kill(processOf('Redis'), 'SIGTERM');
    await printed('redis has ended: exit code 0.');
    await claims(16, 24);
    expect(statuses).toEqual([...Array(20).fill(200), ...Array(4).fill(400)]);

    child.kill('SIGINT');
    expect(await ended(), output()).toEqual({ code: 0, signal: null });
    expect(processesOf(folder)).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
    expect(
      output()
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });

  it('ends what it has started when it is interrupted during the start', async () => {
    const { child, folder, output, ended } = await started(['--nodes', '2', '--port', '0']);
    await waitFor('log of Redis', () =>
      readdirSync(folder, { recursive: true }).join().includes('redis.log'),
    );
    child.kill('SIGINT');
    expect(await ended(), output()).toEqual({ code: 0, signal: null });
    expect(processesOf(folder)).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
  });

  it('ends what it has started when a node does not start, and says why', async () => {
    const env = { CLAIM_BATCH_MAX: 'many' };
    const { folder, output, ended } = await started(['--nodes', '2', '--port', '0'], env);
    expect(await ended(), output()).toEqual({ code: 1, signal: null });
    expect(output()).toMatch(/^node-\d has ended \(exit code 1\):\n.*CLAIM_BATCH_MAX/m);
    expect(processesOf(folder)).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
  });

  it('starts nothing on a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    steps.push(() => server.close());
    const { port } = server.address() as { port: number };
    const { output, ended } = await started(['--port', String(port)]);
    expect(await ended(), output()).toEqual({ code: 1, signal: null });
    expect(output()).toBe(`Port ${port} is in use. Choose another one with --port.\n`);
  });
});

describe('the command line of npm run cluster', () => {
  it.each([
    [['--nodes', '0'], 'It must be a whole number from 1 to 9.'],
    [['--node', '3'], "unknown option '--node'"],
    [['3'], 'too many arguments'],
  ])('refuses %j', async (args, reason) => {
    const { output, ended } = await started(args);
    expect(await ended(), output()).toEqual({ code: 2, signal: null });
    expect(output()).toContain(reason);
    expect(output()).toContain('npm run cluster -- --help');
  });

  it('has a help of at most 80 columns', async () => {
    const { output, ended } = await started(['--help']);
    expect(await ended(), output()).toEqual({ code: 0, signal: null });
    expect(output()).toMatch(/^ {2}--nodes <count> .*\(default: 3\)$/m);
    expect(
      output()
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });

  it('says how to install what is missing', () => {
    expect(() => findPrograms('/nowhere', [])).toThrow(
      /^haproxy and redis-server are not installed\. .*apt-get install haproxy redis-server$/ms,
    );
  });
});

describe('what the cluster prints', () => {
  const server = (index: number) => ({
    url: `http://127.0.0.1:6553${index}`,
    pid: 4_194_300 + index,
  });
  const addresses = (count: number) => ({
    ...{ folder: '/tmp/firstcome-cluster-abcdef', dataDir: '/tmp/firstcome-cluster-abcdef/data' },
    ...{ balancer: server(0), redis: { url: 'redis://127.0.0.1:65535', pid: 4_194_301 } },
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `node-${index + 1}`,
      ...server(index),
    })),
    postgres: { port: 65_535 },
  });

  it.each([1, 2, 3, 9])('has at most 80 columns with %i nodes', (count) => {
    const lines = [...addressLines(addresses(count)), ...guideLines(addresses(count))];
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join('\n').match(/--url/g)).toHaveLength(count);
    expect(lines.join('\n').includes('kill -9')).toBe(count > 1);
  });

  it('calls only routes that exist', () => {
    const { paths } = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'));
    const called = [
      ...guideLines(addresses(3))
        .join('\n')
        .matchAll(/\$API(\S*)/g),
    ].map(([, rest = '']) => `/api/coupons${rest.replace('/LAUNCH', '/{name}')}`);
    expect(called).toContain('/api/coupons/claim');
    expect(called.filter((path) => !(path in paths))).toEqual([]);
  });
});

describe('the configuration of the balancer of the cluster', () => {
  const nodesOf = (text: string) =>
    [...text.matchAll(/^ *server (node-\d+) (\S+)$/gm)].map(([, name, address]) => [name, address]);

  it('is the shipped one, with other nodes', () => {
    const addresses = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', '127.0.0.1:4'];
    const text = withNodes(haproxyConfiguration, addresses);
    expect(nodesOf(text)).toEqual(
      addresses.map((address, index) => [`node-${index + 1}`, address]),
    );
    expect(text).not.toMatch(/NODE_\d/);
    const withoutNodes = (all: string) =>
      all.split('\n').filter((line) => !/presetenv NODE_|^ *server node-/.test(line));
    expect(withoutNodes(text)).toEqual(withoutNodes(haproxyConfiguration));
  });

  it('cannot be made from a file without nodes', () => {
    expect(() => withNodes('backend nodes\n', ['127.0.0.1:1'])).toThrow('server node-1');
  });
});

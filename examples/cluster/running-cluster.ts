// SPDX-License-Identifier: GPL-3.0-or-later
/** The parts of the cluster, started in the order in which they need each other, and ended in the reverse order. */
import { appendFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BundledPostgres,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { withNodes } from './balancer-config.ts';
import { ChildProcesses } from './child-processes.ts';
import { portError } from './free-port.ts';
import type { Addresses, Node, Server } from './guide.ts';
import type { ClusterOptions } from './options.ts';
import { findPrograms } from './programs.ts';

const root = join(import.meta.dirname, '../..');
const host = '127.0.0.1';
// A node opens at most 16: for claims, for everything else, and for webhooks and sagas. A drill and `psql` need some too.
const connectionsPerNode = 16;
const connectionsBesides = 30;
// The balancer checks each node every 500 ms, and sends it nothing more after two checks that failed.
const shutdownDelayMs = 2_000;

/** A cluster on this machine, with its files in a temporary folder. */
export class RunningCluster {
  private readonly signal: AbortSignal;
  private readonly print: (text: string) => void;
  private folder = '';
  private children: ChildProcesses | undefined;
  private postgres: BundledPostgres | undefined;

  constructor(options: { signal: AbortSignal; print(text: string): void }) {
    this.signal = options.signal;
    this.print = options.print;
  }

  /** Starts all parts on `port`, and on free ports. Rejects when one fails or the signal is aborted; then call `stop`. */
  async start({ nodes: count, port }: ClusterOptions): Promise<Addresses> {
    const { haproxy, redisServer } = findPrograms();
    this.folder = await realpath(await mkdtemp(join(tmpdir(), 'firstcome-cluster-')));
    // PostgreSQL does not run as root, but as another user.
    await chmod(this.folder, 0o755);
    const { folder, signal, print } = this;
    const onEnd = (name: string, how: string) => print(`${name} has ended: ${how}.`);
    const children = new ChildProcesses({ folder, signal, onEnd });
    this.children = children;
    const dataDir = join(folder, 'data');
    const postgres = await startBundledPostgres({
      ...{ dataDir, signal },
      settings: { max_connections: String(connectionsBesides + count * connectionsPerNode) },
      say: () => undefined,
      log: (event) => appendLine(join(folder, 'postgres.log'), JSON.stringify(event)),
    });
    this.postgres = postgres;
    const redis = await startRedis(children, redisServer, folder);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const env = settingsOfNodes(postgres.url, redis.url);
    const nodes = await Promise.all(numbers.map((number) => startNode(children, number, env)));
    const balancer = await startBalancer(children, { haproxy, folder, port, nodes });
    return { folder, dataDir, balancer, nodes, redis, postgres: { port: postgres.port } };
  }

  /** Ends what runs, and removes the files. */
  async stop(): Promise<void> {
    if (this.folder === '') return;
    this.print('Stopping everything …');
    await this.children?.stop((name) => name === 'balancer');
    await this.children?.stop((name) => name.startsWith('node-'));
    await this.children?.stop(() => true);
    await this.postgres?.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function appendLine(file: string, line: string): void {
  try {
    appendFileSync(file, `${line}\n`);
  } catch {
    // A full disk must not end the cluster.
  }
}

async function startRedis(
  children: ChildProcesses,
  program: string,
  folder: string,
): Promise<Server> {
  const port = await chooseFreePort();
  const { pid } = await children.start({
    ...{ name: 'redis', program },
    args: [
      ...['--bind', host, '--port', String(port), '--dir', folder],
      ...['--save', '', '--appendonly', 'no'],
    ],
    ready: (output) => output.includes('Ready to accept connections') || undefined,
  });
  return { url: `redis://${host}:${port}`, pid };
}

/** Settings in the environment of the user apply too, except these. */
function settingsOfNodes(databaseUrl: string, redisUrl: string): Record<string, string> {
  const { RATE_LIMIT_PER_IP, TRUSTED_PROXIES } = process.env;
  return {
    // Clients come through the balancer, which adds their addresses.
    ...(RATE_LIMIT_PER_IP && { TRUSTED_PROXIES: TRUSTED_PROXIES || host }),
    ...{ HOST: host, PORT: '0', SHUTDOWN_DELAY_MS: String(shutdownDelayMs) },
    ...{ DATABASE_URL: databaseUrl, DATABASE_URL_FILE: '' },
    ...{ REDIS_URL: redisUrl, REDIS_URL_FILE: '' },
  };
}

async function startNode(
  children: ChildProcesses,
  number: number,
  env: Record<string, string>,
): Promise<Node> {
  const started = await children.start({
    ...{ name: `node-${number}`, program: process.execPath, env },
    args: [
      '--max-semi-space-size=32',
      '--no-allocation-site-pretenuring',
      ...[join(root, 'dist/main.js'), 'serve'],
    ],
    ready: (output) => / on (http:\S+)\n/.exec(output)?.[1],
  });
  return { name: started.name, url: started.ready, pid: started.pid };
}

async function startBalancer(
  children: ChildProcesses,
  options: { haproxy: string; folder: string; port: number; nodes: Node[] },
): Promise<Server> {
  const { haproxy, folder, nodes } = options;
  const shipped = await readFile(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
  const file = join(folder, 'haproxy.cfg');
  await writeFile(
    file,
    withNodes(
      shipped,
      nodes.map(({ url }) => new URL(url).host),
    ),
  );
  const port = options.port === 0 ? await chooseFreePort() : options.port;
  const address = `${host}:${port}`;
  const { pid } = await children.start({
    ...{ name: 'balancer', program: haproxy, args: ['-db', '-f', file] },
    env: { BALANCER_BIND: address },
    async ready(output) {
      if (/cannot bind|already in use/i.test(output)) {
        throw portError(port, 'is in use');
      }
      const answer = await fetch(`http://${address}/readyz`).catch(() => undefined);
      return answer?.ok || undefined;
    },
  });
  return { url: `http://${address}`, pid };
}

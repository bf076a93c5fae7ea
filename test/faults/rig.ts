// SPDX-License-Identifier: GPL-3.0-or-later
/** What a run breaks: nodes of the service as people run it, each behind a proxy of its own, on a real PostgreSQL. */
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type Exit, type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { type PostgresServer, signal } from './postgres-server.ts';

const healthyMsMax = 30_000;
const healthAnswerMsMax = 3000;

/** One node of the service, which keeps its port over restarts. */
export class ServiceNode {
  readonly url: string;
  readonly proxy: FaultProxy;
  private readonly env: Record<string, string>;
  private process: ServiceProcess | undefined;

  private constructor(url: string, proxy: FaultProxy, env: Record<string, string>) {
    this.url = url;
    this.proxy = proxy;
    this.env = env;
  }

  /** A node that is yet to be started, behind a proxy that is there. */
  static async create(databaseUrl: string, env: Record<string, string>): Promise<ServiceNode> {
    const proxy = await FaultProxy.before(databaseUrl);
    const port = await chooseFreePort();
    return new ServiceNode(`http://127.0.0.1:${port}`, proxy, {
      ...env,
      ...{ DATABASE_URL: proxy.urlOf(databaseUrl), HOST: '127.0.0.1', PORT: String(port) },
    });
  }

  /** Starts it, and settles when it is healthy. */
  async start(): Promise<void> {
    this.process = await startServiceProcess(this.env);
    await this.healthy();
  }

  /** Its id; throws while it does not run. */
  get pid(): number {
    if (this.process === undefined) throw new Error(`${this.url} does not run`);
    return this.process.pid;
  }

  /** Whether it has not ended by itself. */
  get isRunning(): boolean {
    return this.process !== undefined && signal(this.process.pid, 0);
  }

  /** All that it has written since it was started last. */
  output(): string {
    return this.process?.output() ?? '';
  }

  /** Kills it without a word of warning. To be called within a proxy's decision too, so it does not wait. */
  kill(): void {
    signal(this.pid, 'SIGKILL');
  }

  /** Settles when the process is gone. */
  async gone(): Promise<Exit> {
    const { process: ended } = this;
    if (ended === undefined) return { code: null, signal: null };
    const exit = await ended.exited;
    this.process = undefined;
    return exit;
  }

  signal(name: NodeJS.Signals): void {
    signal(this.pid, name);
  }

  async healthy(): Promise<void> {
    await waitFor(`health of ${this.url}:\n${this.output()}`, () => this.isHealthy(), {
      timeoutMs: healthyMsMax,
    });
  }

  async isHealthy(): Promise<boolean> {
    const answer = await fetch(`${this.url}/health`, {
      signal: AbortSignal.timeout(healthAnswerMsMax),
    }).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.status === 200;
  }

  /** Ends it in order; the exit code is 0 when all that it had was answered. */
  async stop(): Promise<Exit> {
    if (this.process === undefined) return { code: 0, signal: null };
    this.signal('SIGTERM');
    return this.gone();
  }
}

/** All that a row of the table may break. */
export type Rig = {
  server: PostgresServer;
  nodes: ServiceNode[];
  /** The database of this run. */
  database: string;
};

/** Starts the nodes of one run on a database of their own; those that it got to are in the rig if it fails. */
export async function startRig(
  { server, database, nodes }: Rig,
  options: {
    nodes: number;
    env: Record<string, string>;
    /** Called before the first node comes to the database. */
    prepare(): Promise<void>;
  },
): Promise<void> {
  await server.query(`create database ${database}`);
  await options.prepare();
  // One after the other: the first one migrates.
  for (let index = 0; index < options.nodes; index += 1) {
    const node = await ServiceNode.create(server.url(database), options.env);
    nodes.push(node);
    await node.start();
  }
}

/** Ends whatever fault is still there, and settles when every node serves again. */
export async function heal({ server, nodes }: Rig): Promise<void> {
  if (!(await server.isRunning())) await server.start();
  for (const node of nodes) {
    node.proxy.heal();
    await node.proxy.accept();
  }
  for (const { pid } of await server.backends()) signal(pid, 'SIGCONT');
  for (const node of nodes) await node.healthy();
}

/** Disposers the nodes in order, then waits until no session of theirs works on. Returns what was not in order. */
export async function drain({ server, nodes, database }: Rig): Promise<string[]> {
  const findings: string[] = [];
  for (const node of nodes) {
    const output = node.output();
    const exit = await node.stop();
    await node.proxy.stop();
    if (exit.code !== 0) {
      findings.push(
        `${node.url} ended with ${exit.code ?? exit.signal} when it was told to stop:\n${output.slice(-2000)}`,
      );
    }
  }
  const sessions = `select from pg_stat_activity where datname = '${database}'`;
  await waitFor('end of all sessions', async () => (await server.query(sessions)).length === 0);
  return findings;
}

/** Ends what a run that failed has left running. */
export async function abandon({ server, nodes }: Rig): Promise<void> {
  for (const node of nodes) {
    try {
      node.kill();
    } catch {
      // It does not run.
    }
    await node.proxy.stop();
  }
  // One that stands still could not be ended with its database.
  for (const { pid } of await server.backends().catch(() => [])) signal(pid, 'SIGCONT');
}

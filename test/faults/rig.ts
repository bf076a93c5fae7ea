// SPDX-License-Identifier: GPL-3.0-or-later
/** The system under test: nodes of the service in processes, each with a proxy to a real PostgreSQL. */
import pg from 'pg';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { type BrokenRule, findBrokenRules } from '../../src/adapters/postgres/consistency-check.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type Exit, type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { type PostgresServer, signal } from './postgres-server.ts';

const healthyMsMax = 30_000;
const healthAnswerMsMax = 3000;

/** One node of the service. It keeps its port over restarts. */
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

  /** Creates a node that is not started yet, with its proxy. */
  static async create(databaseUrl: string, env: Record<string, string>): Promise<ServiceNode> {
    const proxy = await FaultProxy.before(databaseUrl);
    const port = await chooseFreePort();
    return new ServiceNode(`http://127.0.0.1:${port}`, proxy, {
      ...env,
      ...{ DATABASE_URL: proxy.urlOf(databaseUrl), HOST: '127.0.0.1', PORT: String(port) },
    });
  }

  /** Starts it and waits until it is healthy. */
  async start(): Promise<void> {
    this.process = await startServiceProcess(this.env);
    await this.healthy();
  }

  /** Its process id. Throws while it does not run. */
  get pid(): number {
    if (this.process === undefined) throw new Error(`${this.url} does not run`);
    return this.process.pid;
  }

  /** Whether its process runs. */
  get isRunning(): boolean {
    return this.process !== undefined && signal(this.process.pid, 0);
  }

  /** All output since its last start. */
  output(): string {
    return this.process?.output() ?? '';
  }

  /** Kills it without waiting, so that a proxy may call this when it decides about a piece. */
  kill(): void {
    signal(this.pid, 'SIGKILL');
  }

  /** Resolves when the process has ended. */
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

  /** Stops it with SIGTERM. The exit code is 0 when it answered all requests that it had. */
  async stop(): Promise<Exit> {
    if (this.process === undefined) return { code: 0, signal: null };
    this.signal('SIGTERM');
    return this.gone();
  }
}

/** All that a row may break. */
export type Rig = {
  server: PostgresServer;
  nodes: ServiceNode[];
  /** The database of this run. */
  database: string;
};

/** Creates the database of one run and starts its nodes. After a failure the rig holds the nodes that were created. */
export async function startRig(
  { server, database, nodes }: Rig,
  options: {
    nodes: number;
    env: Record<string, string>;
    /** Called before the first node connects to the database. */
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

/** Ends all faults and waits until every node serves again. */
export async function heal({ server, nodes }: Rig): Promise<void> {
  if (!(await server.isRunning())) await server.start();
  for (const node of nodes) {
    node.proxy.heal();
    await node.proxy.accept();
  }
  for (const { pid } of await server.backends()) signal(pid, 'SIGCONT');
  for (const node of nodes) await node.healthy();
}

/** Stops the nodes, then waits until their sessions have ended. Returns the violations. */
export async function drain({ server, nodes, database }: Rig): Promise<string[]> {
  const findings: string[] = [];
  for (const node of nodes) {
    const output = node.output();
    const exit = await node.stop();
    await node.proxy.stop();
    if (exit.code !== 0) {
      findings.push(
        `${node.url} ended with ${exit.code ?? exit.signal} after SIGTERM:\n${output.slice(-2000)}`,
      );
    }
  }
  const sessions = `select from pg_stat_activity where datname = '${database}'`;
  await waitFor('end of all sessions', async () => (await server.query(sessions)).length === 0);
  return findings;
}

/** Runs the consistency rules on the database of a run, whose nodes have stopped. */
export async function rulesBrokenIn({ server, database }: Rig): Promise<BrokenRule[]> {
  const client = new pg.Client({
    connectionString: server.url(database),
    application_name: 'faults',
    options: '-c search_path=firstcome',
  });
  await client.connect();
  try {
    return await findBrokenRules(client);
  } finally {
    await client.end();
  }
}

/** Ends everything that a failed run has left running. */
export async function abandon({ server, nodes }: Rig): Promise<void> {
  for (const node of nodes) {
    try {
      node.kill();
    } catch {
      // It does not run.
    }
    await node.proxy.stop();
  }
  // A suspended process could not be ended with its database.
  for (const { pid } of await server.backends().catch(() => [])) signal(pid, 'SIGCONT');
}

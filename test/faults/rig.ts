// SPDX-License-Identifier: GPL-3.0-or-later
/** The system under test: nodes of the service in processes, each with a proxy to a real PostgreSQL. */
import pg from 'pg';
import { type BrokenRule, findBrokenRules } from '../../src/adapters/postgres/consistency-check.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { freePort } from '../support/free-port.ts';
import { type Exit, type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Participants } from './participants.ts';
import { type PostgresServer, signal } from './postgres-server.ts';
import type { SharedRabbitMq } from './shared-rabbitmq.ts';
import type { SharedRedis } from './shared-redis.ts';

const healthyMsMax = 30_000;
const healthAnswerMsMax = 3000;

/** One node of the service. It keeps its port over restarts. */
export class ServiceNode {
  readonly url: string;
  readonly proxy: FaultProxy;
  /** Before the standby; undefined without one. */
  readonly standbyProxy: FaultProxy | undefined;
  /** Before its broker; undefined without one. */
  readonly queueProxy: FaultProxy | undefined;
  private readonly env: Record<string, string>;
  private process: ServiceProcess | undefined;

  private constructor(
    url: string,
    proxies: Pick<ServiceNode, 'proxy' | 'standbyProxy' | 'queueProxy'>,
    env: Record<string, string>,
  ) {
    this.url = url;
    this.proxy = proxies.proxy;
    this.standbyProxy = proxies.standbyProxy;
    this.queueProxy = proxies.queueProxy;
    this.env = env;
  }

  /** Creates a node that is not started yet, with its proxies. */
  static async create(
    databaseUrl: string,
    standbyUrl: string | undefined,
    env: Record<string, string>,
  ): Promise<ServiceNode> {
    const proxy = await FaultProxy.before(databaseUrl);
    const standbyProxy = standbyUrl === undefined ? undefined : await FaultProxy.before(standbyUrl);
    const { AMQP_URL: queueUrl } = env;
    const queueProxy = queueUrl === undefined ? undefined : await FaultProxy.before(queueUrl);
    const port = await freePort();
    return new ServiceNode(
      `http://127.0.0.1:${port}`,
      { proxy, standbyProxy, queueProxy },
      {
        ...env,
        ...(queueUrl !== undefined && { AMQP_URL: queueProxy?.urlOf(queueUrl) ?? queueUrl }),
        DATABASE_URL: withServer(proxy.urlOf(databaseUrl), standbyProxy?.urlOf(databaseUrl)),
        ...{ HOST: '127.0.0.1', PORT: String(port) },
      },
    );
  }

  /** Starts it, with these settings instead of its own, and waits until it is healthy. */
  async start(settings: Record<string, string> = {}): Promise<void> {
    this.process = await startServiceProcess({ ...this.env, ...settings });
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
    const exit = await ended.ended();
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

  /** Ends all faults of its proxies. */
  async heal(): Promise<void> {
    for (const proxy of [this.proxy, this.standbyProxy, this.queueProxy]) {
      proxy?.heal();
      await proxy?.accept();
    }
  }

  /** Closes its proxies. */
  async stopProxies(): Promise<void> {
    await this.proxy.stop();
    await this.standbyProxy?.stop();
    await this.queueProxy?.stop();
  }

  /** Stops it with SIGTERM. The exit code is 0 when it answered all requests that it had. */
  async stop(): Promise<Exit> {
    if (this.process === undefined) return { code: 0, signal: null };
    this.signal('SIGTERM');
    return this.gone();
  }
}

/** A URL that names the server of another URL, too. */
function withServer(url: string, other: string | undefined): string {
  return other === undefined ? url : url.replace(/(?<=\d)(?=\/[^/]*$)/, `,${new URL(other).host}`);
}

/** All that a row may break. */
export type Rig = {
  /** After a failover, the one that was promoted. */
  server: PostgresServer;
  /** What the nodes have in their DATABASE_URL besides the server; undefined where they have one server. */
  standby?: PostgresServer | undefined;
  nodes: ServiceNode[];
  /** The database of this run. */
  database: string;
  /** Those of the sagas; undefined where the drill plays none. */
  participants?: Participants | undefined;
  /** What the nodes share besides the database; undefined where they share nothing. */
  redis?: SharedRedis | undefined;
  /** Where claims wait; undefined where they do not. */
  rabbitMq?: SharedRabbitMq | undefined;
};

/** Creates the database of one run and starts its nodes. After a failure the rig holds the nodes that were created. */
export async function startRig(
  { server, standby, database, nodes, participants, redis, rabbitMq }: Rig,
  options: {
    nodes: number;
    env: Record<string, string>;
    /** Settings of one node. */
    envOf?(node: number): Record<string, string>;
    /** Called before the first node connects to the database. */
    prepare(): Promise<void>;
  },
): Promise<void> {
  await server.query(`create database ${database}`);
  await options.prepare();
  // One after the other: the first one migrates.
  for (let index = 0; index < options.nodes; index += 1) {
    const env = {
      ...(redis !== undefined && { REDIS_URL: redis.url }),
      ...(rabbitMq !== undefined && { AMQP_URL: rabbitMq.url, CLAIM_MODE: 'queued' }),
      ...options.env,
      ...options.envOf?.(index),
      ...participants?.envOf(index),
    };
    const node = await ServiceNode.create(server.url(database), standby?.url(database), env);
    nodes.push(node);
    await node.start();
  }
}

/** Ends all faults and waits until every node serves again. */
export async function heal({ server, nodes, participants }: Rig): Promise<void> {
  if (!(await server.isRunning())) await server.start();
  participants?.heal();
  for (const node of nodes) {
    await node.heal();
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
    await node.stopProxies();
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
    await node.stopProxies();
  }
  // A suspended process could not be ended with its database.
  for (const { pid } of await server.backends().catch(() => [])) signal(pid, 'SIGCONT');
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** A service with all that its metrics are about, and a Prometheus that scrapes it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { abandon, type Rig, type ServiceNode, startRig } from '../faults/rig.ts';
import { type SharedRabbitMq, startSharedRabbitMq } from '../faults/shared-rabbitmq.ts';
import { hasRabbitMq } from '../support/rabbitmq-server.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { endServiceProcesses } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { settingsOfHealth } from './health.ts';
import { settingsOfManyNodes } from './many-nodes.ts';
import type { Found } from './programs.ts';
import { Prometheus, type Rule, speedUp } from './prometheus.ts';
import { settingsOfQueue } from './queue.ts';
import { connectionsMax, type Scenario, type ScenarioContext } from './scenarios.ts';
import { Shop } from './shop.ts';

const database = 'observed';
const blockEventLoop = join(import.meta.dirname, '../faults/block-event-loop.mjs');
const env = {
  NODE_OPTIONS: `--import ${pathToFileURL(blockEventLoop).href}`,
  // Low limits, so that a few hundred claims overload a database with commits of a third of a second.
  ...{ CLAIM_BATCH_MAX: '20', CLAIM_TIMEOUT_MS: '2000' },
  // As much faster as the rules.
  STOCK_CHECK_INTERVAL_MS: String(1000 / speedUp),
  // A scrape checks the database. Without a free connection for that check, it still responds within its timeout.
  DATABASE_CONNECT_TIMEOUT_MS: '400',
  // Far more than a drill opens, and few enough to be filled.
  HTTP_CONNECTIONS_MAX: String(connectionsMax),
};
// Limits for a busy machine; the rules need a third of this time.
const firesMsMax = 60_000;
/** How long the last alert may take to end. */
export const quietMsMax = 60_000;
const testMsMax = firesMsMax + 2 * quietMsMax + 30_000;

/** Whether this machine lacks a program that is needed: then the tests are skipped. */
export const isLacking =
  'missing' in inject('programs') || !(await hasRedis()) || !(await hasRabbitMq());

/** What the tests of a file share. Set while they run. */
export class Observed {
  folder!: string;
  prometheus!: Prometheus;
  rules!: Rule[];
  private server!: PostgresServer;
  private shop!: Shop;
  private redis!: RedisServer;
  private rabbitMq!: SharedRabbitMq;
  private rig!: Rig;
  private readonly undo: (() => Promise<unknown>)[] = [];

  /** Starts everything, and waits for the first scrapes. */
  async start(found: Found): Promise<void> {
    const { undo } = this;
    this.folder = await mkdtemp(join(tmpdir(), 'firstcome-observability-'));
    undo.push(() => rm(this.folder, { recursive: true, force: true }), endServiceProcesses);
    const installation = await findInstallation(this.folder);
    this.server = await PostgresServer.create(installation, join(this.folder, 'postgres'));
    undo.push(() => this.server.remove());
    this.shop = await Shop.start(this.folder);
    undo.push(() => this.shop.stop());
    this.redis = await startRedis();
    undo.push(() => this.redis.remove());
    const rabbitMq = await startSharedRabbitMq((remove) => undo.push(remove));
    if (rabbitMq === undefined) throw new Error('hasRabbitMq() was true');
    this.rabbitMq = rabbitMq;
    this.rig = { server: this.server, database, nodes: [] };
    undo.push(() => abandon(this.rig));
    await startRig(this.rig, {
      nodes: 1,
      env: {
        ...{ ...env, ...this.shop.env, ...settingsOfHealth, ...settingsOfManyNodes },
        ...settingsOfQueue,
        ...{ REDIS_URL: this.redis.url, AMQP_URL: rabbitMq.url },
      },
      prepare: async () => undefined,
    });
    const target = new URL(this.node.url).host;
    this.prometheus = await Prometheus.start(found, join(this.folder, 'prometheus'), target);
    undo.push(() => this.prometheus.stop());
    this.rules = await this.prometheus.rules();
    // Prometheus starts to scrape some seconds after it is ready; until then the service counts as down.
    const hasScraped = async () => (await this.holds('up == 1')) && (await this.isQuiet());
    await waitFor('first scrapes', hasScraped, { timeoutMs: 120_000, everyMs: 250 });
  }

  /** Stops what was started, the last first. */
  async stop(): Promise<void> {
    for (const step of this.undo.splice(0).reverse()) await step();
  }

  get node(): ServiceNode {
    const [first] = this.rig.nodes;
    if (first === undefined) throw new Error('there is no node');
    return first;
  }

  /** Whether no alert fires or is about to. */
  readonly isQuiet = async (): Promise<boolean> => (await this.prometheus.alerts()).length === 0;

  readonly holds = async (promql: string): Promise<boolean> =>
    (await this.prometheus.query(promql)).length > 0;

  /** What a scenario needs that is over when `over` aborts. */
  contextOf(historyFile: string, over: AbortSignal): ScenarioContext {
    const { node, shop, redis, rabbitMq, holds } = this;
    const query = (sql: string) => this.server.query<Record<string, unknown>>(sql, { database });
    return { node, shop, redis, rabbitMq, query, holds, historyFile, over };
  }
}

/** Starts a service and a Prometheus for the tests of this `describe`, and stops them afterwards. */
export function useObserved(): Observed {
  const observed = new Observed();
  beforeAll(() => observed.start(inject('programs') as Found), 400_000);
  afterAll(() => observed.stop(), 120_000);
  return observed;
}

/** Tests that each of these alerts fires and ends, and that no rule has an error. */
export function testAlerts(observed: Observed, scenarios: Record<string, Scenario>): void {
  const firedAfterS: Record<string, number> = {};
  afterAll(() => {
    for (const [name, seconds] of Object.entries(firedAfterS)) {
      process.stdout.write(`${name} fired ${seconds.toFixed(1)} s after the fault began\n`);
    }
  });

  it.each(Object.entries(scenarios))(
    '%s fires when its fault occurs, and ends with it',
    async (name, scenario) => {
      const { prometheus, isQuiet } = observed;
      await waitFor('quiet', isQuiet, { timeoutMs: quietMsMax, everyMs: 250 });
      const over = new AbortController();
      const historyFile = join(observed.folder, `${name}.jsonl`);
      const beganMs = performance.now();
      const played = scenario(observed.contextOf(historyFile, over.signal));
      try {
        const isFiring = async () => (await prometheus.firing()).includes(name);
        // A scenario that fails rejects with its own error, which says more than a timeout.
        await Promise.race([
          waitFor(`${name} firing`, isFiring, { timeoutMs: firesMsMax, everyMs: 100 }),
          played.then(() => Promise.reject(new Error('the scenario ended before the alert fired'))),
        ]);
        firedAfterS[name] = (performance.now() - beganMs) / 1000;
      } finally {
        over.abort();
        await played;
      }
      await waitFor(`end of ${name}`, async () => !(await prometheus.firing()).includes(name), {
        timeoutMs: quietMsMax,
        everyMs: 250,
      });
    },
    testMsMax,
  );

  it('evaluates every rule without an error', async () => {
    const broken = (await observed.prometheus.rules()).filter(({ health }) => health !== 'ok');
    expect(broken.map(({ name, lastError }) => `${name}: ${lastError}`)).toEqual([]);
  });
}

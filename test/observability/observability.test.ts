// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs the shipped dashboards and alerts on a real Prometheus that scrapes a real service. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { abandon, type Rig, startRig } from '../faults/rig.ts';
import { type SharedRabbitMq, startSharedRabbitMq } from '../faults/shared-rabbitmq.ts';
import { hasRabbitMq } from '../support/rabbitmq-server.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { endServiceProcesses } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { followClaims } from './after-claims.ts';
import { settingsOfHealth } from './health.ts';
import { settingsOfManyNodes, useManyNodes } from './many-nodes.ts';
import { commandOf, type Found } from './programs.ts';
import { Prometheus, type Rule, shortened, speedUp } from './prometheus.ts';
import { settingsOfQueue, useQueue } from './queue.ts';
import {
  connectionsMax,
  drill,
  loseOneAnswer,
  type ScenarioContext,
  scenarios,
  withSlowCommits,
} from './scenarios.ts';
import { panelQueries, prometheusFolder, runbookAnchors } from './shipped-files.ts';
import { Shop } from './shop.ts';

const run = promisify(execFile);

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
const [firesMsMax, quietMsMax] = [60_000, 60_000];
const [saleMsMax, playsMax] = [quietMsMax + 60_000, 3];
// Half of the quarter of a second after which the alert about a blocked event loop fires.
const stallMsMax = 125;
const testMsMax = firesMsMax + 2 * quietMsMax + 30_000;
// The variables that Grafana replaces, with values for the faster clock of the test.
const variables: Record<string, string> = {
  ...{ $__rate_interval: '3s', $__range: '30s', $instance: '.*' },
};

const programs = inject('programs');

describe.skipIf('missing' in programs || !(await hasRedis()) || !(await hasRabbitMq()))(
  'what is shipped for Prometheus and Grafana',
  () => {
    const found = programs as Found;
    let folder: string;
    let server: PostgresServer;
    let shop: Shop;
    let redis: RedisServer;
    let rabbitMq: SharedRabbitMq;
    let removeRabbitMq: (() => Promise<void>) | undefined;
    let rig: Rig;
    let prometheus: Prometheus;
    let rules: Rule[];
    const firedAfterS: Record<string, number> = {};

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'firstcome-observability-'));
      server = await PostgresServer.create(
        await findInstallation(folder),
        join(folder, 'postgres'),
      );
      shop = await Shop.start(folder);
      redis = await startRedis();
      const started = await startSharedRabbitMq((remove) => {
        removeRabbitMq = remove;
      });
      if (started === undefined) throw new Error('hasRabbitMq() was true');
      rabbitMq = started;
      rig = { server, database, nodes: [] };
      await startRig(rig, {
        nodes: 1,
        env: {
          ...{ ...env, ...shop.env, ...settingsOfHealth, ...settingsOfManyNodes },
          ...settingsOfQueue,
          ...{ REDIS_URL: redis.url, AMQP_URL: rabbitMq.url },
        },
        prepare: async () => undefined,
      });
      const target = new URL(node().url).host;
      prometheus = await Prometheus.start(found, join(folder, 'prometheus'), target);
      rules = await prometheus.rules();
      // Prometheus starts to scrape some seconds after it is ready; until then the service counts as down.
      const hasScraped = async () =>
        (await prometheus.query('up == 1')).length === 1 &&
        (await prometheus.alerts()).length === 0;
      await waitFor('first scrapes', hasScraped, { timeoutMs: 60_000, everyMs: 250 });
    }, 180_000);

    afterAll(async () => {
      for (const [name, seconds] of Object.entries(firedAfterS)) {
        process.stdout.write(`${name} fired ${seconds.toFixed(1)} s after the fault began\n`);
      }
      await prometheus?.stop();
      if (rig !== undefined) await abandon(rig);
      await shop?.stop();
      await redis?.remove();
      await removeRabbitMq?.();
      await server?.remove();
      await endServiceProcesses();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }, 60_000);

    const isQuiet = async () => (await prometheus.alerts()).length === 0;
    const query = (sql: string) => server.query<Record<string, unknown>>(sql, { database });
    const holds = async (promql: string) => (await prometheus.query(promql)).length > 0;

    function node() {
      const [first] = rig.nodes;
      if (first === undefined) throw new Error('there is no node');
      return first;
    }

    function contextOf(historyFile: string, over: AbortSignal): ScenarioContext {
      return { node: node(), shop, redis, rabbitMq, query, holds, historyFile, over };
    }

    it.each([
      ['check', 'config', 'prometheus.yml'],
      ['check', 'config', 'compose.yml'],
      // Only the syntax, since only the container has the file with the key.
      ['check', 'config', '--syntax-only', 'compose-secure.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ])('pass promtool %s %s', async (...args) => {
      const [command, ...before] = commandOf(found, 'promtool', prometheusFolder);
      const { stdout } = await run(command, [...before, ...args], { cwd: prometheusFolder });
      expect(stdout).toContain('SUCCESS');
    });

    it('have shorter durations in the test, and are otherwise unchanged', () => {
      const text = 'for: 1m\nx: rate(a[5m] offset 1h) > 20 # 3m\nscrape_interval: 15s';
      expect(shortened(text)).toBe(
        'for: 3000ms\nx: rate(a[15000ms] offset 180000ms) > 20 # 3m\nscrape_interval: 750ms',
      );
    });

    it('has a scenario, a severity, a text and a section of the runbook for each alert', () => {
      const alerts = rules.filter(({ type }) => type === 'alerting');
      expect(alerts.map(({ name }) => name).sort()).toEqual(Object.keys(scenarios).sort());
      for (const { labels, annotations } of alerts) {
        expect(labels.severity).toMatch(/^(?:page|ticket)$/);
        expect(annotations.summary?.length).toBeGreaterThan(20);
        expect(annotations.description?.length).toBeGreaterThan(20);
      }
      const urls = alerts.map(({ annotations }) => annotations.runbook_url);
      expect(urls.sort()).toEqual(runbookAnchors().sort());
    });

    /** Runs a sale. Returns its time span, the alerts that fired, and the longest stall of this process. */
    async function playSale() {
      const beganMs = Date.now();
      const delays = monitorEventLoopDelay({ resolution: 10 });
      delays.enable();
      const options = { scenario: 'mixed', rate: 300, seconds: 15 };
      await drill({ node: node(), historyFile: join(folder, 'healthy.jsonl') }, options);
      // A pending alert may still fire.
      await waitFor('quiet', isQuiet, { timeoutMs: quietMsMax, everyMs: 250 });
      delays.disable();
      const span = `[${Date.now() - beganMs}ms]`;
      const found = await prometheus.query(`count_over_time(ALERTS{alertstate="firing"}${span})`);
      const fired = found.map(({ metric }) => metric.alertname);
      return { span, fired, stallMs: delays.max / 1e6 };
    }

    it('raises no alert while a sale goes well, though it sells out', {
      timeout: playsMax * saleMsMax,
    }, async () => {
      let { span, fired, stallMs } = await playSale();
      // On a machine that stalls this process, the service stalls too, and an alert may be right.
      for (let play = 2; play <= playsMax && fired.length > 0 && stallMs > stallMsMax; play += 1) {
        expect(fired).not.toContain('FirstcomeDifferences');
        ({ span, fired, stallMs } = await playSale());
      }
      expect(fired).toEqual([]);
      // No alert proves nothing unless Prometheus scraped, and the sale had claims and sold out.
      const evidence = [
        `avg_over_time(up{job="firstcome"}${span}) > 0.8`,
        `max_over_time(firstcome:decisions:rate1m${span}) > 100`,
        'sum(firstcome_claims_total{outcome="claimed"}) > 500',
        'sum(firstcome_claims_total{outcome="sold_out"}) > 100',
      ];
      const isSeen = await Promise.all(evidence.map(holds));
      expect(evidence.filter((_, index) => !isSeen[index])).toEqual([]);
    });

    it('shows data in every panel', async () => {
      const options = { scenario: 'flash-sale', rate: 200, seconds: 300 };
      const over = new AbortController();
      const historyFile = join(folder, 'panels.jsonl');
      const context = contextOf(historyFile, over.signal);
      const crowd = drill(context, options, over.signal);
      const followed = Promise.all([
        followClaims(context),
        useManyNodes(context),
        useQueue(context),
      ]);
      await Promise.race([loseOneAnswer(node(), over.signal), crowd]);
      // Makes the service shed claims.
      const slow = withSlowCommits(node(), over.signal);
      const queries = panelQueries();
      expect(queries.length).toBeGreaterThan(25);
      // While the drill runs: some series start with the first event of their kind.
      const empty = new Map(
        queries.map(({ location, promql }) => [location, withVariables(promql)]),
      );
      await waitFor(
        'data in all panels',
        async () => {
          for (const [location, promql] of empty) {
            const series = await prometheus.query(promql);
            if (series.some(({ value }) => Number.isFinite(Number(value[1]))))
              empty.delete(location);
          }
          return empty.size === 0;
        },
        { timeoutMs: 45_000, everyMs: 250 },
      ).catch(() => undefined);
      over.abort();
      await Promise.all([slow, crowd, followed]);
      expect([...empty.keys()]).toEqual([]);
    });

    it.each(Object.entries(scenarios))(
      '%s fires when its fault occurs, and ends with it',
      async (name, scenario) => {
        await waitFor('quiet', isQuiet, { timeoutMs: quietMsMax, everyMs: 250 });
        const over = new AbortController();
        const historyFile = join(folder, `${name}.jsonl`);
        const beganMs = performance.now();
        const played = scenario(contextOf(historyFile, over.signal));
        try {
          const isFiring = async () => (await prometheus.firing()).includes(name);
          // A scenario that fails rejects with its own error, which says more than a timeout.
          await Promise.race([
            waitFor(`${name} firing`, isFiring, { timeoutMs: firesMsMax, everyMs: 100 }),
            played.then(() =>
              Promise.reject(new Error('the scenario ended before the alert fired')),
            ),
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
      const broken = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
      expect(broken.map(({ name, lastError }) => `${name}: ${lastError}`)).toEqual([]);
    });
  },
);

function withVariables(promql: string): string {
  return Object.entries(variables).reduce(
    (text, [variable, value]) => text.replaceAll(variable, value),
    promql,
  );
}

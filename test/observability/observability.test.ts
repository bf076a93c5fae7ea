// SPDX-License-Identifier: GPL-3.0-or-later
/** The dashboards and alerts that are shipped, on a real Prometheus that scrapes a real service. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { abandon, type Rig, startRig } from '../faults/rig.ts';
import { endServiceProcesses } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { hurried, Prometheus, type Rule } from './prometheus.ts';
import { drill, loseOneAnswer, scenarios, withSlowCommits } from './scenarios.ts';
import { panelQueries, prometheusFolder, runbookAnchors } from './shipped-files.ts';

const run = promisify(execFile);

const database = 'observed';
const blockEventLoop = join(import.meta.dirname, '../faults/block-event-loop.mjs');
const env = {
  NODE_OPTIONS: `--import ${pathToFileURL(blockEventLoop).href}`,
  // So few that a crowd of some hundred is too much for a database that takes a third of a second.
  ...{ CLAIM_BATCH_MAX: '20', CLAIM_WAIT_MAX_MS: '300', CLAIM_TIMEOUT_MS: '2000' },
};
const firesMsMax = 30_000;
const quietMsMax = 60_000;
// What Grafana fills in, in the time of the test.
const variables: Record<string, string> = {
  ...{ $__rate_interval: '3s', $__range: '30s', $instance: '.*' },
};

const missing = inject('missingPrograms');

describe.skipIf(missing !== '')('what is shipped for Prometheus and Grafana', () => {
  let folder: string;
  let server: PostgresServer;
  let rig: Rig;
  let prometheus: Prometheus;
  let rules: Rule[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firstcome-observability-'));
    server = await PostgresServer.create(await findInstallation(folder), join(folder, 'postgres'));
    rig = { server, database, nodes: [] };
    await startRig(rig, { nodes: 1, env, prepare: async () => undefined });
    prometheus = await Prometheus.start(join(folder, 'prometheus'), new URL(node().url).host);
    rules = await prometheus.rules();
    // It begins to scrape some seconds after it is ready; until then the service counts as down.
    const isSettled = async () =>
      (await prometheus.query('up == 1')).length === 1 && (await prometheus.alerts()).length === 0;
    await waitFor('first scrapes', isSettled, { everyMs: 250 });
  }, 90_000);

  afterAll(async () => {
    await prometheus?.stop();
    if (rig !== undefined) await abandon(rig);
    await server?.remove();
    await endServiceProcesses();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 60_000);

  function node() {
    const [first] = rig.nodes;
    if (first === undefined) throw new Error('there is no node');
    return first;
  }

  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ])('pass promtool %s %s', async (...args) => {
    const { stdout } = await run('promtool', args, { cwd: prometheusFolder });
    expect(stdout).toContain('SUCCESS');
  });

  it('are hurried in every duration and in nothing else', () => {
    const text = 'for: 1m\nx: rate(a[5m] offset 1h) > 20 # 3m\nscrape_interval: 15s';
    expect(hurried(text)).toBe(
      'for: 3000ms\nx: rate(a[15000ms] offset 180000ms) > 20 # 3m\nscrape_interval: 750ms',
    );
  });

  it('has for each alert a scenario, a severity, a text and a section of the runbook', () => {
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

  it('raises no alert while a sale goes well, though it sells out', async () => {
    const fired = new Set<string>();
    let isOver = false;
    const options = { scenario: 'mixed', rate: 300, seconds: 15 };
    const crowd = drill({ node: node(), historyFile: join(folder, 'healthy.jsonl') }, options);
    void crowd.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const name of await prometheus.firing()) fired.add(name);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect([...fired]).toEqual([]);
  });

  it('shows data in every panel', async () => {
    const options = { scenario: 'flash-sale', rate: 200, seconds: 10 };
    const crowd = drill({ node: node(), historyFile: join(folder, 'panels.jsonl') }, options);
    await loseOneAnswer(node());
    // So that somebody is shed.
    const over = new AbortController();
    const slow = withSlowCommits(node(), over.signal);
    const queries = panelQueries();
    expect(queries.length).toBeGreaterThan(25);
    // While the drill goes on: some series come with the first event of their kind.
    const without = new Map(queries.map(({ place, promql }) => [place, withVariables(promql)]));
    await waitFor(
      'data in all panels',
      async () => {
        for (const [place, promql] of without) {
          const series = await prometheus.query(promql);
          if (series.some(({ value }) => Number.isFinite(Number(value[1])))) without.delete(place);
        }
        return without.size === 0;
      },
      { timeoutMs: 15_000, everyMs: 250 },
    ).catch(() => undefined);
    over.abort();
    await Promise.all([slow, crowd]);
    expect([...without.keys()]).toEqual([]);
  });

  it.each(Object.entries(scenarios))(
    '%s fires when it should, and ends with the trouble',
    async (name, scenario) => {
      await waitFor('quiet', async () => (await prometheus.alerts()).length === 0, {
        timeoutMs: quietMsMax,
        everyMs: 250,
      });
      const over = new AbortController();
      const historyFile = join(folder, `${name}.jsonl`);
      const query = (sql: string) => server.query<Record<string, unknown>>(sql, { database });
      const played = scenario({ node: node(), query, historyFile, over: over.signal });
      try {
        await waitFor(`${name} firing`, async () => (await prometheus.firing()).includes(name), {
          timeoutMs: firesMsMax,
          everyMs: 250,
        });
      } finally {
        over.abort();
        await played;
      }
      await waitFor(`end of ${name}`, async () => !(await prometheus.firing()).includes(name), {
        timeoutMs: quietMsMax,
        everyMs: 250,
      });
    },
  );

  it('has no rule that cannot be evaluated', async () => {
    const broken = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
    expect(broken.map(({ name, lastError }) => `${name}: ${lastError}`)).toEqual([]);
  });
});

function withVariables(promql: string): string {
  return Object.entries(variables).reduce(
    (text, [variable, value]) => text.replaceAll(variable, value),
    promql,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs the shipped dashboards and alerts on a real Prometheus that scrapes a real service. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { followClaims, scenariosAfterClaims } from './after-claims.ts';
import { scenariosOfManyNodes, useManyNodes } from './many-nodes.ts';
import { isLacking, quietMsMax, testAlerts, useObserved } from './observed.ts';
import { commandOf, type Found } from './programs.ts';
import { shortened } from './prometheus.ts';
import { useQueue } from './queue.ts';
import { drill, loseOneAnswer, scenarios, withSlowCommits } from './scenarios.ts';
import { panelQueries, prometheusFolder, runbookAnchors } from './shipped-files.ts';

const run = promisify(execFile);

const [saleMsMax, playsMax] = [quietMsMax + 60_000, 3];
// Half of the quarter of a second after which the alert about a blocked event loop fires.
const stallMsMax = 125;
// The variables that Grafana replaces, with values for the faster clock of the test.
const variables: Record<string, string> = {
  ...{ $__rate_interval: '3s', $__range: '30s', $instance: '.*' },
};

describe.skipIf(isLacking)('what is shipped for Prometheus and Grafana', () => {
  const observed = useObserved();

  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'config', 'compose.yml'],
    // Only the syntax, since only the container has the file with the key.
    ['check', 'config', '--syntax-only', 'compose-secure.yml'],
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ])('pass promtool %s %s', async (...args) => {
    const [command, ...before] = commandOf(
      inject('programs') as Found,
      'promtool',
      prometheusFolder,
    );
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
    const alerts = observed.rules.filter(({ type }) => type === 'alerting');
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
    const { node, folder, prometheus, isQuiet } = observed;
    await drill({ node, historyFile: join(folder, 'healthy.jsonl') }, options);
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
    // On a machine that stalls this process, or answers no scrape in time, an alert may be right.
    const mayBeRight = () => stallMs > stallMsMax || fired.includes('FirstcomeDown');
    for (let play = 2; play <= playsMax && fired.length > 0 && mayBeRight(); play += 1) {
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
    const isSeen = await Promise.all(evidence.map(observed.holds));
    expect(evidence.filter((_, index) => !isSeen[index])).toEqual([]);
  });

  it('shows data in every panel', async () => {
    const options = { scenario: 'flash-sale', rate: 200, seconds: 300 };
    const over = new AbortController();
    const { node, folder, prometheus } = observed;
    const historyFile = join(folder, 'panels.jsonl');
    const context = observed.contextOf(historyFile, over.signal);
    const crowd = drill(context, options, over.signal);
    const followed = Promise.all([followClaims(context), useManyNodes(context), useQueue(context)]);
    await Promise.race([loseOneAnswer(node, over.signal), crowd]);
    // Makes the service shed claims.
    const slow = withSlowCommits(node, over.signal);
    const queries = panelQueries();
    expect(queries.length).toBeGreaterThan(25);
    // While the drill runs: some series start with the first event of their kind.
    const empty = new Map(queries.map(({ location, promql }) => [location, withVariables(promql)]));
    await waitFor(
      'data in all panels',
      async () => {
        for (const [location, promql] of empty) {
          const series = await prometheus.query(promql);
          if (series.some(({ value }) => Number.isFinite(Number(value[1])))) empty.delete(location);
        }
        return empty.size === 0;
      },
      { timeoutMs: 150_000, everyMs: 250 },
    ).catch(() => undefined);
    over.abort();
    await Promise.all([slow, crowd, followed]);
    expect([...empty.keys()]).toEqual([]);
  });

  testAlerts(observed, { ...scenariosAfterClaims, ...scenariosOfManyNodes });
});

function withVariables(promql: string): string {
  return Object.entries(variables).reduce(
    (text, [variable, value]) => text.replaceAll(variable, value),
    promql,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks of the dashboards and rules that need neither Grafana nor Prometheus. */
import { describe, expect, it } from 'vitest';
import { metricsPage } from '../../scripts/metrics-page.ts';
import {
  type DashboardFile,
  dashboardFiles,
  datasources,
  inputSeries,
  type PanelFile,
  panelQueries,
  ruleFiles,
  runbookText,
} from '../observability/shipped-files.ts';

const dashboards: [string, DashboardFile][] = dashboardFiles().map((file) => [file.title, file]);
const rules = ruleFiles();
const recorded = rules.flatMap(({ record }) => record ?? []);
// Series that Prometheus itself creates.
const ofPrometheus = ['up', 'ALERTS', ...recorded];
const labelsOfAll = ['job', 'instance', 'le'];

/** Every series of `/metrics`, with its labels where docs/metrics.md lists them. */
async function seriesAndLabels(): Promise<Map<string, string[] | undefined>> {
  const rows = (await metricsPage()).matchAll(
    /^\| `(\w+)` \| (\w+) \|(?: ([^|]*) \|)? [^|]+ \|$/gm,
  );
  const known = new Map<string, string[] | undefined>(
    ofPrometheus.map((name) => [name, undefined]),
  );
  for (const [, name = '', kind, labels] of rows) {
    const suffixes = kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    const names = labels === undefined ? undefined : (labels.match(/\w+/g) ?? []);
    for (const suffix of suffixes) known.set(`${name}${suffix}`, names);
  }
  return known;
}

/** The series in a query: each name before matchers or a range, and any name with one of our prefixes. */
function seriesIn(promql: string): string[] {
  const selected = [...promql.matchAll(/([a-zA-Z_:][\w:]*)\s*[{[]/g)].map(([, name = '']) => name);
  const ours = promql.match(/\b(?:firstcome|nodejs|process)[_:][\w:]+/g) ?? [];
  return [...new Set([...selected, ...ours])];
}

const queries: [location: string, promql: string][] = [
  ...panelQueries().map(({ location, promql }): [string, string] => [location, promql]),
  ...rules.map(({ alert, record, expr }): [string, string] => [alert ?? record ?? '', expr]),
  ...[...new Set(inputSeries())].map((series): [string, string] => [
    `alerts.test.yml ${series}`,
    series,
  ]),
];

const known = await seriesAndLabels();

describe('every query', () => {
  it.each(queries)('uses only existing series and labels: %s', (_, promql) => {
    expect(known.size).toBeGreaterThan(50);
    const used = seriesIn(promql);
    expect(used).not.toEqual([]);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    const matched = [...promql.matchAll(/([\w:]+)\{([^}]*)\}/g)].flatMap(
      ([, name = '', matchers = '']) =>
        [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => ({
          name,
          label,
        })),
    );
    const unknown = matched.filter(({ name, label }) => {
      const labels = known.get(name);
      return labels !== undefined && ![...labels, ...labelsOfAll].includes(label);
    });
    expect(unknown).toEqual([]);
  });

  it('contains every series name, even an unknown one', () => {
    expect(seriesIn('sum(rate(firstcome_clams_total[5m])) > up{job="x"}')).toEqual([
      'firstcome_clams_total',
      'up',
    ]);
  });
});

describe('the runbook', () => {
  it('names only existing metrics', () => {
    const named = runbookText().match(/\b(?:firstcome|nodejs|process)_[a-z]\w+/g) ?? [];
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names panels by their titles only', () => {
    const titles = dashboards.flatMap(([title, { panels }]) => [
      title.replace('firstcome: ', ''),
      ...panels.map((panel) => panel.title.toLowerCase()),
    ]);
    const text = runbookText().replaceAll(/```[^`]+```/g, '');
    const named = [...text.matchAll(/(?<![*\w])\*([^*]+)\*(?!\*)/g)].map(([, name = '']) =>
      name.replaceAll(/\s+/g, ' '),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !titles.some((title) => title.startsWith(name)))).toEqual([]);
  });
});

// The units of Grafana that the dashboards may use.
const unitsKnown = ['none', 'short', 's', 'bytes', 'percentunit', 'cps'];
const typesKnown = ['row', 'stat', 'timeseries', 'heatmap'];

/** The grid squares that a panel covers. */
function squaresOf({ gridPos: { x, y, w, h } }: PanelFile): string[] {
  return Array.from(
    { length: w * h },
    (_, square) => `${x + (square % w)},${y + Math.floor(square / w)}`,
  );
}

it('every dashboard has a unique uid and title', () => {
  expect(dashboards.length).toBeGreaterThan(1);
  expect(new Set(dashboards.map(([, { uid }]) => uid)).size).toBe(dashboards.length);
  expect(new Set(dashboards.map(([title]) => title)).size).toBe(dashboards.length);
});

describe.each(dashboards)('the dashboard %s', (_, { schemaVersion, panels, templating }) => {
  it('has a schema version from 36, which refers to datasources by uid', () => {
    expect(schemaVersion).toBeGreaterThanOrEqual(36);
    expect(panels.filter(({ type }) => !typesKnown.includes(type))).toEqual([]);
  });

  it('has panels with unique ids and titles', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it('places no panel over another or beyond the grid', () => {
    const squares = panels.flatMap(squaresOf);
    expect(new Set(squares).size).toBe(squares.length);
    for (const { gridPos } of panels) {
      expect(gridPos.x).toBeGreaterThanOrEqual(0);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(Math.min(gridPos.w, gridPos.h)).toBeGreaterThan(0);
    }
  });

  it('uses only the provisioned datasource', () => {
    const [{ uid, type } = { uid: '', type: '' }, ...others] = datasources();
    expect(others).toEqual([]);
    const shown = panels.filter((panel) => panel.type !== 'row');
    const used = shown.flatMap(({ datasource, targets = [] }) => [
      datasource,
      ...targets.map((target) => target.datasource),
    ]);
    expect(used.length).toBeGreaterThan(shown.length);
    expect(used.filter((source) => source?.uid !== uid || source.type !== type)).toEqual([]);
    expect(templating.list.filter(({ datasource }) => datasource.uid !== uid)).toEqual([]);
  });

  it('shows every number in a unit that Grafana knows', () => {
    const shown = panels.filter((panel) => panel.type !== 'row');
    const units = shown.map(({ type, options, fieldConfig }) =>
      type === 'heatmap' ? options?.yAxis?.unit : fieldConfig?.defaults.unit,
    );
    expect(units.filter((unit) => !unitsKnown.includes(unit ?? ''))).toEqual([]);
  });

  it('gives the queries of a panel unique names, and uses only existing variables', () => {
    const variables = ['__rate_interval', '__range', ...templating.list.map(({ name }) => name)];
    for (const { title, targets = [] } of panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
      for (const { expr } of targets) {
        const used = [...expr.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
        expect(
          used.filter((name) => !variables.includes(name)),
          title,
        ).toEqual([]);
      }
    }
  });
});

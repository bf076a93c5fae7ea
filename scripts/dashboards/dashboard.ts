// SPDX-License-Identifier: GPL-3.0-or-later
/** What a dashboard shows, in our words, and the JSON by which Grafana knows it. */
import type { DashboardInFile, PanelInFile, PanelLooks } from './grafana-types.ts';

/** How a panel draws its series. */
export type PanelKind = 'number' | 'lines' | 'stack' | 'heatmap';

/** Grafana's names of the units that panels are told in. */
export type Unit = 'short' | 'none' | 's' | 'bytes' | 'percentunit' | 'perSecond';

/** One query, and what its series are called: a text, with labels such as `{{outcome}}`. */
export type Query = { promql: string; legend: string };

/** One panel; the first value of `turnsAt` that is reached turns a number orange, the second red. */
export type Panel = {
  title: string;
  /** What it means and when to look twice, for whoever reads the dashboard at night. */
  help: string;
  kind: PanelKind;
  unit: Unit;
  queries: readonly Query[];
  turnsAt?: readonly [warning: number, critical: number];
};

/** Panels that belong together; they share the width. */
export type Row = { title: string; height: number; panels: readonly Panel[] };

/** A dashboard; `uid` is its address and never changes. */
export type Dashboard = { uid: string; title: string; about: string; rows: readonly Row[] };

/** A metric of the chosen instances; further matchers such as `pool="batches"` at will. */
export function series(metric: string, ...matchers: string[]): string {
  return `${metric}{${['job="firstcome"', 'instance=~"$instance"', ...matchers].join(',')}}`;
}

/** How fast a counter grows, over as long as the width of the panel asks for. */
export function perSecond(counter: string, ...matchers: string[]): string {
  return `rate(${series(counter, ...matchers)}[$__rate_interval])`;
}

/** One query whose series are called by this legend. */
export function query(promql: string, legend: string): Query {
  return { promql, legend };
}

const widthMax = 24;
const grafanaUnits: Record<Unit, string> = {
  ...{ short: 'short', none: 'none', s: 's', bytes: 'bytes', percentunit: 'percentunit' },
  perSecond: 'cps',
};
const datasource = { type: 'prometheus', uid: 'firstcome-prometheus' };

/** The file that Grafana loads. */
export function dashboardFile({ uid, title, about, rows }: Dashboard): string {
  const dashboard: DashboardInFile = {
    uid,
    title,
    description: about,
    tags: ['firstcome'],
    editable: false,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    schemaVersion: 39,
    version: 1,
    links: [dashboardLinks],
    templating: { list: [instanceChoice] },
    panels: layOut(rows),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

type Item<List> = NonNullable<List> extends (infer One)[] ? One : never;

const dashboardLinks: Item<DashboardInFile['links']> = {
  type: 'dashboards',
  title: 'firstcome',
  tags: ['firstcome'],
  asDropdown: false,
  keepTime: true,
  includeVars: true,
};

const instanceChoice: Item<NonNullable<DashboardInFile['templating']>['list']> = {
  name: 'instance',
  label: 'Instance',
  type: 'query',
  datasource,
  query: { query: 'label_values(up{job="firstcome"}, instance)', refId: 'instance' },
  refresh: 2,
  includeAll: true,
  multi: true,
  allValue: '.*',
  sort: 1,
  current: { text: 'All', value: '$__all' },
};

function layOut(rows: readonly Row[]): PanelInFile[] {
  const laidOut: PanelInFile[] = [];
  let y = 0;
  for (const { title, height, panels } of rows) {
    const gridPos = { h: 1, w: widthMax, x: 0, y };
    laidOut.push({ id: laidOut.length + 1, type: 'row', title, collapsed: false, gridPos });
    const width = Math.floor(widthMax / panels.length);
    for (const [index, panel] of panels.entries()) {
      const place = { h: height, w: width, x: index * width, y: y + 1 };
      laidOut.push({ id: laidOut.length + 1, ...toGrafana(panel), gridPos: place });
    }
    y += height + 1;
  }
  return laidOut;
}

function toGrafana(panel: Panel): PanelInFile {
  const { title, help, kind, unit, queries, turnsAt } = panel;
  const unitName = grafanaUnits[unit];
  const targets = queries.map(({ promql, legend }, index) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + index),
    datasource,
    expr: promql,
    legendFormat: legend,
    range: true,
    ...(kind === 'heatmap' && { format: 'heatmap' }),
  }));
  return {
    title,
    description: help,
    datasource,
    targets,
    ...looks[kind](unitName, turnsAt),
  };
}

type Look = (unit: string, turnsAt: Panel['turnsAt']) => PanelLooks;

const lines =
  (stacking: 'none' | 'normal'): Look =>
  (unit) => ({
    type: 'timeseries',
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: {
          lineWidth: 1,
          showPoints: 'never',
          spanNulls: false,
          fillOpacity: stacking === 'normal' ? 25 : 5,
          stacking: { mode: stacking },
        },
      },
      overrides: [],
    },
  });

const looks: Record<PanelKind, Look> = {
  lines: lines('none'),
  stack: lines('normal'),
  number: (unit, turnsAt) => ({
    type: 'stat',
    options: {
      colorMode: turnsAt === undefined ? 'none' : 'value',
      graphMode: 'area',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
    fieldConfig: {
      defaults: { unit, color: { mode: 'thresholds' }, thresholds: thresholds(turnsAt) },
      overrides: [],
    },
  }),
  heatmap: (unit) => ({
    type: 'heatmap',
    options: {
      calculate: false,
      color: { mode: 'scheme', scheme: 'Oranges', exponent: 0.5, steps: 64 },
      yAxis: { unit },
      cellGap: 1,
      tooltip: { mode: 'single', yHistogram: true },
    },
    fieldConfig: { defaults: { custom: {} }, overrides: [] },
  }),
};

type Thresholds = NonNullable<PanelLooks['fieldConfig']['defaults']['thresholds']>;

function thresholds(turnsAt: Panel['turnsAt']): Thresholds {
  const [warning, critical] = turnsAt ?? [];
  return {
    mode: 'absolute',
    steps: [
      { color: 'green', value: null },
      ...(warning === undefined ? [] : [{ color: 'orange', value: warning }]),
      ...(critical === undefined ? [] : [{ color: 'red', value: critical }]),
    ],
  };
}

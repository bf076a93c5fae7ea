// SPDX-License-Identifier: GPL-3.0-or-later
/** A small model of dashboards, and its conversion to the JSON that Grafana loads. */
import type { DashboardInFile, PanelInFile, PanelStyle } from './grafana-types.ts';

/** How a panel shows its series. */
export type PanelKind = 'number' | 'lines' | 'stack' | 'heatmap';

/** The units of panels. */
export type Unit = 'short' | 'none' | 's' | 'bytes' | 'percentunit' | 'perSecond';

/** One query, and the legend of its series: a text with labels such as `{{outcome}}`. */
export type Query = { promql: string; legend: string };

/** One panel; a number turns orange at the first value of `turnsAt` and red at the second. */
export type Panel = {
  title: string;
  /** What the panel shows and which values need attention, for the operator on call. */
  help: string;
  kind: PanelKind;
  unit: Unit;
  queries: readonly Query[];
  turnsAt?: readonly [warning: number, critical: number];
};

/** Panels in one row; they share the width equally. */
export type Row = { title: string; height: number; panels: readonly Panel[] };

/** A dashboard; `uid` is part of its URL and never changes. */
export type Dashboard = { uid: string; title: string; about: string; rows: readonly Row[] };

/** The series of a metric for the selected instances, with further matchers such as `pool="batches"`. */
export function series(metric: string, ...matchers: string[]): string {
  return `${metric}{${['job="firstcome"', 'instance=~"$instance"', ...matchers].join(',')}}`;
}

/** The rate of a counter; Grafana chooses the interval by the width of the panel. */
export function perSecond(counter: string, ...matchers: string[]): string {
  return `rate(${series(counter, ...matchers)}[$__rate_interval])`;
}

/** One query with this legend. */
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
      const position = { h: height, w: width, x: index * width, y: y + 1 };
      laidOut.push({ id: laidOut.length + 1, ...toGrafana(panel), gridPos: position });
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
    ...styles[kind](unitName, turnsAt),
  };
}

type Style = (unit: string, turnsAt: Panel['turnsAt']) => PanelStyle;

const lines =
  (stacking: 'none' | 'normal'): Style =>
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

const styles: Record<PanelKind, Style> = {
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

type Thresholds = NonNullable<PanelStyle['fieldConfig']['defaults']['thresholds']>;

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

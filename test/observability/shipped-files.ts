// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the files for operators: dashboards, rules and the runbook. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const dashboardsFolder = join(root, 'deploy/grafana/dashboards');
const provisioningFolder = join(root, 'deploy/grafana/provisioning');

/** The folder of prometheus.yml and the rules. */
export const prometheusFolder = join(root, 'deploy/prometheus');

/** The fields of a Grafana panel that the tests use. */
export type PanelFile = {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { type: string; uid: string };
  targets?: {
    refId: string;
    expr: string;
    legendFormat: string;
    datasource: { type: string; uid: string };
  }[];
  fieldConfig?: { defaults: { unit?: string } };
  options?: { yAxis?: { unit?: string } };
};

/** The fields of a Grafana dashboard that the tests use. */
export type DashboardFile = {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: PanelFile[];
  templating: { list: { name: string; datasource: { uid: string }; query: { query: string } }[] };
};

/** Every dashboard. */
export function dashboardFiles(): DashboardFile[] {
  return readdirSync(dashboardsFolder).map((name) =>
    JSON.parse(readFileSync(join(dashboardsFolder, name), 'utf8')),
  );
}

/** The datasources in Grafana's configuration. */
export function datasources(): { uid: string; type: string }[] {
  const text = readFileSync(join(provisioningFolder, 'datasources/firstcome.yml'), 'utf8');
  return parse(text).datasources;
}

/** A query of a panel and its location. */
export type PanelQuery = { location: string; promql: string };

/** Every query of every panel of every dashboard. */
export function panelQueries(): PanelQuery[] {
  return dashboardFiles().flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        location: `${title}, ${panel.title}: ${expr}`,
        promql: expr,
      })),
    ),
  );
}

/** A rule of Prometheus: an alert, or a recorded series. */
export type RuleFile = {
  alert?: string;
  record?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};

/** Every rule of alerts.yml. */
export function ruleFiles(): RuleFile[] {
  const text = readFileSync(join(prometheusFolder, 'alerts.yml'), 'utf8');
  return (parse(text).groups as { rules: RuleFile[] }[]).flatMap(({ rules }) => rules);
}

/** The input series of alerts.test.yml. */
export function inputSeries(): string[] {
  const text = readFileSync(join(prometheusFolder, 'alerts.test.yml'), 'utf8');
  const { tests } = parse(text) as { tests: { input_series: { series: string }[] }[] };
  return tests.flatMap(({ input_series }) => input_series.map(({ series }) => series));
}

/** The text of the runbook. */
export function runbookText(): string {
  return readFileSync(join(root, 'docs/runbook.md'), 'utf8');
}

/** The sections of the runbook by heading, one for each alert. */
export function runbookSections(): Map<string, string> {
  const [, ...sections] = runbookText().split(/^## /m);
  return new Map(
    sections.map((section) => {
      const lineEnd = section.indexOf('\n');
      return [section.slice(0, lineEnd), section.slice(lineEnd)];
    }),
  );
}

/** The anchors of the runbook's headings. */
export function runbookAnchors(): string[] {
  return [...runbookSections().keys()].map(
    (heading) => `docs/runbook.md#${heading.toLowerCase().replaceAll(' ', '-')}`,
  );
}

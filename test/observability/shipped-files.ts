// SPDX-License-Identifier: GPL-3.0-or-later
/** What is shipped for operators, as the tests read it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const dashboardsFolder = join(root, 'deploy/grafana/dashboards');
const provisioningFolder = join(root, 'deploy/grafana/provisioning');

/** The folder of prometheus.yml and the rules. */
export const prometheusFolder = join(root, 'deploy/prometheus');

/** A panel in Grafana's words, as far as the tests ask. */
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

/** A dashboard in Grafana's words, as far as the tests ask. */
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

/** What Grafana is told of its datasources. */
export function datasources(): { uid: string; type: string }[] {
  const text = readFileSync(join(provisioningFolder, 'datasources/firstcome.yml'), 'utf8');
  return parse(text).datasources;
}

/** A query of a panel, and where it stands. */
export type PanelQuery = { place: string; promql: string };

/** Every query of every panel of every dashboard. */
export function panelQueries(): PanelQuery[] {
  return dashboardFiles().flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        place: `${title}, ${panel.title}: ${expr}`,
        promql: expr,
      })),
    ),
  );
}

/** A rule as it is written down: an alert, or a series under a name of its own. */
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

/** The series that alerts.test.yml makes up. */
export function madeUpSeries(): string[] {
  const text = readFileSync(join(prometheusFolder, 'alerts.test.yml'), 'utf8');
  const { tests } = parse(text) as { tests: { input_series: { series: string }[] }[] };
  return tests.flatMap(({ input_series }) => input_series.map(({ series }) => series));
}

/** The runbook as it is written. */
export function runbookText(): string {
  return readFileSync(join(root, 'docs/runbook.md'), 'utf8');
}

/** The sections of the runbook by their headings: one for each alert. */
export function runbookSections(): Map<string, string> {
  const [, ...sections] = runbookText().split(/^## /m);
  return new Map(
    sections.map((section) => {
      const lineEnd = section.indexOf('\n');
      return [section.slice(0, lineEnd), section.slice(lineEnd)];
    }),
  );
}

/** The anchors of the runbook: its headings as a reader's browser knows them. */
export function runbookAnchors(): string[] {
  return [...runbookSections().keys()].map(
    (heading) => `docs/runbook.md#${heading.toLowerCase().replaceAll(' ', '-')}`,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** What is shipped for operators, as the tests read it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const dashboards = join(root, 'deploy/grafana/dashboards');

/** The folder of prometheus.yml and the rules. */
export const prometheusFolder = join(root, 'deploy/prometheus');

/** A query of a panel, and where it stands. */
export type PanelQuery = { place: string; promql: string };

type PanelFile = { title: string; targets?: { expr: string }[] };

/** Every query of every panel of every dashboard. */
export function panelQueries(): PanelQuery[] {
  return readdirSync(dashboards).flatMap((name) => {
    const text = readFileSync(join(dashboards, name), 'utf8');
    const { title, panels } = JSON.parse(text) as { title: string; panels: PanelFile[] };
    return panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        place: `${title}, ${panel.title}: ${expr}`,
        promql: expr,
      })),
    );
  });
}

/** The anchors of the runbook: its headings as a reader's browser knows them. */
export function runbookAnchors(): string[] {
  const text = readFileSync(join(root, 'docs/runbook.md'), 'utf8');
  return [...text.matchAll(/^## (\S+)$/gm)].map(
    ([, heading = '']) => `docs/runbook.md#${heading.toLowerCase()}`,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later

const alerts = [
  ...(['differences', 'batchesindoubt', 'databasedown', 'down', 'historylost'] as const),
  ...(['commitsstalled', 'commitsslow', 'durabilitydropped', 'durabilitytoolow'] as const),
  ...([
    'eventsundelivered',
    'webhookdisabled',
    'queueaway',
    'ticketsold',
    'deadletters',
    'goodputfalls',
  ] as const),
] as const;

/** The files with the sections that alarms and other sections link to, and the anchors of these. The build makes a page of them. */
export const sectionFiles = {
  'docs/runbook.md': alerts.map((alert) => `firstcome${alert}` as const),
  'docs/watch-a-sale.md': ['alarms-of-the-console'],
} as const;

/** The anchor of a section that says what to do. */
export type Section = (typeof sectionFiles)[keyof typeof sectionFiles][number];

/** Where a section is: the service has the page beside the console. */
export function hrefOfSection(section: Section): string {
  return `/console/alarms.html#${section}`;
}

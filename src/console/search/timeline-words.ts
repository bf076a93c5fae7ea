// SPDX-License-Identifier: GPL-3.0-or-later
/** What the entries of a timeline say in words. */
import type { TimelineEntry } from '../../client.ts';

/** The kinds of entries. */
export const kindLabels: Record<TimelineEntry['kind'], string> = {
  change: 'Claim',
  operator: 'Operator',
  delivery: 'Webhook',
  saga_step: 'Saga step',
};

/** What happened, in one line, without texts of others. */
export function headlineOf({ kind, name }: TimelineEntry): string {
  if (kind === 'change') return name[0]?.toUpperCase() + name.slice(1);
  return name.replaceAll('_', ' ');
}

/** How often a delivery or a step was tried, and how the last attempt ended. Undefined for other entries. */
export function attemptsOf({ attempts, last_status: status }: TimelineEntry): string | undefined {
  if (attempts === undefined) return undefined;
  if (attempts === 0) return 'not tried yet';
  const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  if (status === undefined) return times;
  return `${times}, ${status === null ? 'no answer to the last one' : `last status ${status}`}`;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** What the health of a node means, and what to do. */

import type { Duty, Health } from '../../../client.ts';
import type { Section } from '../../alarms/sections.ts';

/** A meaning, what to do about it, and the section of the runbook that has the details. */
export type Advice = { meaning: string; todo: string; section: Section };

const reasons: Record<NonNullable<Health['reason']>, Advice> = {
  installation_changed: {
    meaning:
      'The database is not the one that this node was started on: it was replaced or restored. All calls are refused.',
    todo: 'If the address leads to the wrong database, correct it. If a backup was restored on purpose, restart the service.',
    section: 'firstcomedatabasedown',
  },
  history_lost: {
    meaning:
      'The database lacks claims, or changes of claims, that were acknowledged. All calls are refused, and have changed nothing.',
    todo:
      'Make the server the primary that has them, or accept the loss with `firstcome accept-history --yes`. Keep the list ' +
      'of the lost batches first.',
    section: 'firstcomehistorylost',
  },
  commits_stalled: {
    meaning:
      'The database answers, but no commit succeeds, usually because its synchronous standby does not confirm. Claims get 503.',
    todo: 'Restore the standby, or let the failover system name another one. Nothing needs a restart.',
    section: 'firstcomecommitsstalled',
  },
  durability_too_low: {
    meaning:
      'The database commits less durably than DURABILITY_MIN demands. Claims and changes get 503.',
    todo: 'Restore the standby that synchronous_standby_names must name. Nothing needs a restart.',
    section: 'firstcomedurabilitytoolow',
  },
};

/** Why a node is unhealthy. Undefined for a healthy one. */
export function adviceOf({ status, reason }: Health): Advice | undefined {
  if (status === 'healthy') return undefined;
  if (reason !== undefined) return reasons[reason];
  return {
    meaning:
      'The database cannot decide claims: it is away, a standby, or read-only. Claims get 503.',
    todo: 'Restore the database, or the way to it. Nothing needs a restart.',
    section: 'firstcomedatabasedown',
  };
}

/** What an acknowledged claim survives at this level. */
export const durabilityMeanings: Record<NonNullable<Health['durability']>, string> = {
  replicated: 'An acknowledged claim survives the loss of the primary: a standby has confirmed it.',
  local: 'An acknowledged claim survives a crash and a power failure of the primary, not its loss.',
  unsafe: 'An acknowledged claim can be lost by a crash: the server does not wait for its disk.',
};

/** What each duty does. */
export const dutyMeanings: Record<Duty['name'], string> = {
  stock_check: 'Compares stock, claims and ledger',
  event_relay: 'Turns the ledger into events and sagas',
  expiry_sweep: 'Releases holds that have expired',
  ticket_retention: 'Deletes old tickets and counts of outcomes',
};

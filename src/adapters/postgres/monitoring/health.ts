// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health } from '../../../core/health.ts';
import { SharedRead } from '../../../core/shared-read.ts';
import type { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { type DurabilitySettings, durabilityOf } from '../start/durability.ts';
import { statement } from '../statements.ts';

const checkHealth = statement('check-health');

type HealthRow = {
  identity: string;
  can_decide: boolean;
  is_unfinished: boolean;
} & DurabilitySettings;

const unknown: Health = { healthy: false, durability: undefined };
const replaced: Health = { ...unknown, reason: 'installation_changed' };

/**
 * Whether claims can be decided now, and how durable they are. Never rejects; concurrent callers share one query, which
 * also checks that the database is still the one of the start.
 */
export function postgresHealth(
  database: Database,
  installation: InstallationWatch,
): () => Promise<Health> {
  const probe = async (): Promise<Health> => {
    const [row] = await database.probe<HealthRow>(checkHealth);
    if (row === undefined || installation.checkUsedConnection(row.identity) !== undefined)
      return unknown;
    // A session stays read-only if the database was when it began, so the next check needs a new one.
    if (!row.can_decide) database.dropIdle();
    return {
      ...{ healthy: row.can_decide, durability: durabilityOf(row) },
      upgradeUnfinished: row.is_unfinished,
    };
  };
  const shared = new SharedRead<Health>({
    load: async ([key]) => {
      const health = await probe().catch(() => unknown);
      return new Map([[key as string, installation.isDifferent ? replaced : health]]);
    },
    keysMax: 1,
    readersMax: 10_000,
  });
  return () =>
    shared.read('health').then(
      (health) => health ?? unknown,
      () => unknown,
    );
}

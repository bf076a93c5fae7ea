// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health } from '../../../core/health.ts';
import { SharedRead } from '../../../core/shared-read.ts';
import type { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { type DurabilitySettings, durabilityOf } from '../start/durability.ts';
import { statement } from '../statements.ts';

const checkHealth = statement('check-health');

type HealthRow = { identity: string; can_decide: boolean } & DurabilitySettings;

const unknown: Health = { healthy: false, durability: undefined };
const replaced: Health = { ...unknown, reason: 'installation_changed' };

/**
 * Whether claims can be decided now, and how durable they are. Never rejects; those who ask at the same time share one
 * query. Each look also finds out whether the database is still the one of the start.
 */
export function postgresHealth(
  database: Database,
  installation: InstallationWatch,
): () => Promise<Health> {
  const look = async (): Promise<Health> => {
    const [row] = await database.look<HealthRow>(checkHealth);
    if (row === undefined || installation.judgeUsed(row.identity) !== undefined) return unknown;
    // A session keeps being read-only if the database was when it began. The next look is at a new one.
    if (!row.can_decide) database.dropIdle();
    return { healthy: row.can_decide, durability: durabilityOf(row) };
  };
  const shared = new SharedRead<Health>({
    load: async ([key]) => {
      const health = await look().catch(() => unknown);
      return new Map([[key as string, installation.isOther ? replaced : health]]);
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

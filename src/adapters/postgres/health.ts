// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health } from '../../core/health.ts';
import { SharedRead } from '../../core/shared-read.ts';
import type { Database } from './database.ts';
import { type DurabilitySettings, durabilityOf } from './durability.ts';
import { statement } from './statements.ts';

const checkHealth = statement('check-health');

const unknown: Health = { healthy: false, durability: undefined };

/**
 * Whether claims can be decided now, and how durable they are. Never rejects; those who ask at the same time share one
 * query.
 */
export function postgresHealth(database: Database): () => Promise<Health> {
  const shared = new SharedRead<Health>({
    load: async ([key]) => {
      const [row] = await database.run<{ can_decide: boolean } & DurabilitySettings>(
        checkHealth,
        [],
      );
      // A session keeps being read-only if the database was when it began. The next look is at a new one.
      if (row?.can_decide === false) database.dropIdle();
      const health = row && { healthy: row.can_decide, durability: durabilityOf(row) };
      return new Map([[key as string, health ?? unknown]]);
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

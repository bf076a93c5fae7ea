// SPDX-License-Identifier: GPL-3.0-or-later
import { SharedRead } from '../../core/shared-read.ts';
import type { Database } from './database.ts';
import { statement } from './statements.ts';

const checkHealth = statement('check-health');

/** Whether claims can be decided now. Never rejects; those who ask at the same time share one query. */
export function postgresHealth(database: Database): () => Promise<boolean> {
  const shared = new SharedRead<boolean>({
    load: async ([key]) => {
      const [row] = await database.run<{ can_decide: boolean }>(checkHealth, []);
      return new Map([[key as string, row?.can_decide === true]]);
    },
    keysMax: 1,
    readersMax: 10_000,
  });
  return () =>
    shared.read('health').then(
      (healthy) => healthy === true,
      () => false,
    );
}

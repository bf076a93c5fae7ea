// SPDX-License-Identifier: GPL-3.0-or-later
import type { MeasureBacklog } from '../../../core/events/ports.ts';
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';

const measureBacklog = statement('measure-backlog');

/** How many are counted at most, and how many the ages are read from. */
export type BacklogLimits = { counted: number; read: number };

const limitsDefault: BacklogLimits = { counted: 10_000, read: 200 };

type BacklogRow = {
  active: number;
  disabled: number;
  deliveries: number;
  running: number;
  compensating: number;
  needs_attention: number;
  undelivered_seconds: number;
  saga_seconds: number;
  saga_overdue_seconds: number;
};

/** Measures the backlog in PostgreSQL. Never rejects: without an answer there is none. */
export function postgresBacklog(
  database: Database,
  limits: BacklogLimits = limitsDefault,
): MeasureBacklog {
  return async () => {
    const values = [limits.counted, limits.read];
    const [row] = await database.run<BacklogRow>(measureBacklog, values).catch(() => []);
    if (row === undefined) return undefined;
    const { active, disabled, running, compensating, needs_attention: needsAttention } = row;
    return {
      webhooks: { active, disabled },
      pendingDeliveries: row.deliveries,
      undeliveredSeconds: row.undelivered_seconds,
      sagas: { running, compensating, needsAttention },
      sagaSeconds: row.saga_seconds,
      sagaOverdueSeconds: row.saga_overdue_seconds,
    };
  };
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { TicketRetentionStore } from '../../../core/duties/ticket-retention.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const deleteOldTickets = statement('delete-old-tickets');

type DeletedRow = { is_held: false } | { is_held: true; deleted: number; last_id: string | null };

const firstId = '00000000-0000-0000-0000-000000000000';
// Some milliseconds of the database's time.
const sliceDefault = 1_000;

/** Deletes tickets past their retention in PostgreSQL. */
export function postgresTicketRetention(
  database: Database,
  retentionSeconds: number,
  slice: number = sliceDefault,
): TicketRetentionStore {
  return {
    async deleteOld({ epoch }, after = firstId) {
      const [row] = await runForDuty<DeletedRow>(database, deleteOldTickets, [
        ...[epoch, after, retentionSeconds, slice],
      ]);
      if (!row?.is_held) return 'lease_lost';
      return { deleted: row.deleted, next: row.last_id ?? undefined };
    },
  };
}

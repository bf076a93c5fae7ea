// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type DutyHolder,
  type DutyLeases,
  dutyNames,
  leaseMs,
} from '../../../core/duties/ports.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';
import { runForDuty } from './run-for-duty.ts';

const listDuties = statement('list-duties');
const acquireDuty = statement('acquire-duty');
const renewDuty = statement('renew-duty');
const releaseDuty = statement('release-duty');

type HolderRow = { name: string; node: string | null; since: string | null; is_needed: boolean };

/** Keeps the leases in PostgreSQL, by its clock. `node` is how the holder is shown. */
export function postgresDutyLeases(database: Database, node: string): DutyLeases {
  return {
    async list() {
      const rows = await runForDuty<HolderRow>(database, listDuties, [leaseMs]);
      // A later release may have more duties.
      return rows
        .filter(({ name }) => (dutyNames as readonly string[]).includes(name))
        .map(({ name, node, since, is_needed: isNeeded }) => ({
          ...{ name: name as DutyHolder['name'], node, isNeeded },
          since: since && toMicroseconds(since),
        }));
    },
    async acquire(duty) {
      const [row] = await runForDuty<{ epoch: string }>(database, acquireDuty, [
        duty,
        node,
        leaseMs,
      ]);
      return row && { duty, epoch: row.epoch };
    },
    async renew({ duty, epoch }) {
      return (await runForDuty(database, renewDuty, [duty, epoch, leaseMs])).length > 0;
    },
    async release({ duty, epoch }) {
      await runForDuty(database, releaseDuty, [duty, epoch]);
    },
  };
}

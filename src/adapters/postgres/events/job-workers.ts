// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const reportJobWorkers = statement('report-job-workers');
const findSilentJobWorkers = statement('find-silent-job-workers');
const findUnlistedJobWorkers = statement('find-unlisted-job-workers');
const deleteJobWorkers = statement('delete-job-workers');

/** Which workers are alive, by the clock of the database. */
export type JobWorkers = {
  /** Says that these workers are alive. */
  report(workerIds: readonly string[]): Promise<void>;
  /** The workers that have said nothing for this long. */
  findSilent(ms: number): Promise<string[]>;
  /** Those of these workers that have never said anything, or were forgotten. */
  findUnlisted(workerIds: readonly string[]): Promise<string[]>;
  /** Forgets workers that are gone. */
  forget(workerIds: readonly string[]): Promise<void>;
};

/** Keeps the list of workers in PostgreSQL. */
export function postgresJobWorkers(database: Database): JobWorkers {
  return {
    async report(workerIds) {
      await runForDuty(database, reportJobWorkers, [workerIds]);
    },
    async findSilent(ms) {
      const rows = await runForDuty<{ worker_id: string }>(database, findSilentJobWorkers, [ms]);
      return rows.map((row) => row.worker_id);
    },
    async findUnlisted(workerIds) {
      const found = runForDuty<{ worker_id: string }>(database, findUnlistedJobWorkers, [
        workerIds,
      ]);
      return (await found).map((row) => row.worker_id);
    },
    async forget(workerIds) {
      await runForDuty(database, deleteJobWorkers, [workerIds]);
    },
  };
}

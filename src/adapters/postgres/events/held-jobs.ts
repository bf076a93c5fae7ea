// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import type { HeldJob } from '../../../core/duties/held-jobs.ts';
import { statement } from '../statements.ts';

const findHeld = statement('find-held-jobs');

/** Reads the jobs that workers hold, with a pool whose search path leads to them. */
export async function findHeldJobs(pool: Pick<pg.Pool, 'query'>): Promise<HeldJob[]> {
  const { rows } = await pool.query<{ job_id: string; attempts: number; worker_id: string }>(
    findHeld,
  );
  return rows.map((row) => ({
    ...{ jobId: row.job_id, attempts: row.attempts, workerId: row.worker_id },
  }));
}

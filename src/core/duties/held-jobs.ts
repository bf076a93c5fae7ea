// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

/** A job that a worker holds, as the database says. */
export type HeldJob = {
  jobId: string;
  /** How often it was taken. */
  attempts: number;
  workerId: string;
};

/** The jobs of this process. */
export type OwnJobs = {
  workerIds: readonly string[];
  /** For how many milliseconds each job has been running, by the id of the job. */
  runningMs: ReadonlyMap<string, number>;
};

// The answer to a statement that takes a job, or says that it is done, arrives or is given up earlier.
const strandedMs = 9_000;
// Each turn ends earlier: its calls have limits.
const runningMsMax = 180_000;

/**
 * Finds jobs that are held for long although nothing runs them here: the answer of the statement that took them was lost, or
 * their work does not end. Those of other processes are found too; whether they are alive is for the caller to say.
 */
export function createHeldJobsWatch(clock: Pick<Clock, 'nowMs'>) {
  let seenMs = new Map<string, number>();
  return {
    /** Must be called again and again, with all jobs that are held at that moment. */
    look(held: readonly HeldJob[], own: OwnJobs): { own: HeldJob[]; others: HeldJob[] } {
      const nowMs = clock.nowMs();
      const isOwn = ({ workerId }: HeldJob) => own.workerIds.includes(workerId);
      const notRunHere = held.filter((job) => {
        const ms = own.runningMs.get(job.jobId) ?? Number.POSITIVE_INFINITY;
        return !isOwn(job) || ms > runningMsMax;
      });
      const keyOf = ({ jobId, attempts, workerId }: HeldJob) => `${jobId} ${attempts} ${workerId}`;
      const earlier = seenMs;
      seenMs = new Map(
        notRunHere.map((job) => [keyOf(job), earlier.get(keyOf(job)) ?? nowMs] as const),
      );
      const stranded = notRunHere.filter(
        (job) => nowMs - (seenMs.get(keyOf(job)) ?? nowMs) >= strandedMs,
      );
      return {
        own: stranded.filter(isOwn),
        others: stranded.filter((job) => !isOwn(job)),
      };
    },
  };
}

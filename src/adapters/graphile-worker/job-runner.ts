// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter } from 'node:events';
import {
  Logger,
  makeWorkerUtils as openQueue,
  type Runner,
  run,
  type WorkerEvents,
} from 'graphile-worker';
import type pg from 'pg';

/** Runs one kind of work for subjects, such as the delivery to a webhook: on one process at a time for each subject. */
export type JobRunner = {
  /** Makes sure that a process does the work for these subjects soon, unless one does it now. */
  ensure(subjects: readonly string[]): Promise<void>;
  /** The ids under which this process takes jobs. */
  workerIds(): string[];
  /** Lets other processes run the jobs of workers that are gone. */
  unlock(workerIds: readonly string[]): Promise<void>;
  /** Ends this process's work: aborts its signals, and gives back what it has not finished. */
  close(): Promise<void>;
};

/** What the runner works with. */
export type JobRunnerOptions = {
  pool: pg.Pool;
  /** A schema for jobs alone. It is created and kept up to date. */
  schema: string;
  /** The name of the work. */
  task: string;
  /** How many subjects this process works for at the same time. */
  concurrency: number;
  /** Must end soon after the signal aborts. Its rejection is logged; `ensure` starts the work again. */
  work(subject: string, signal: AbortSignal): Promise<void>;
  log(level: 'debug' | 'warn', event: Record<string, unknown>, message: string): void;
  /**
   * Called when the library gives up, as when it cannot store that a job is done. The runner takes no more jobs then, and is to
   * be closed; the jobs that it holds run again once its workers are unlocked.
   */
  onGivenUp(): void;
};

const pollMs = 1_000;
const abortAfterMs = 100;

/** Starts to run jobs. Rejects when the schema cannot be created. */
export async function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const { pool, schema, task, concurrency, work, log } = options;
  const workerIds: string[] = [];
  const events: WorkerEvents = new EventEmitter();
  // The library marks a job with the id of the pool, and not with that of a worker in it.
  events.on('pool:create', ({ workerPool }) => workerIds.push(workerPool.id));
  const logger = new Logger(() => (level, message, meta) => {
    // Its warnings are advice to programmers.
    log(level === 'error' ? 'warn' : 'debug', { ...meta }, message);
  });
  const runner: Runner = await run({
    ...{ pgPool: pool, schema, logger, events, concurrency, pollInterval: pollMs },
    ...{ noHandleSignals: true, gracefulShutdownAbortTimeout: abortAfterMs },
    // Without these, a failure to store that a job is done would be an unhandled rejection and end the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    // Without a text the library would look for a file of this name.
    crontab: '# empty',
    taskList: {
      async [task](payload, { abortSignal }) {
        const { subject } = payload as { subject: string };
        // A failed job would be repeated by the library after up to six hours, and `ensure` would find it in the way.
        await work(subject, abortSignal ?? new AbortController().signal).catch((error) =>
          log('warn', { err: error, subject }, `the job ${task} has failed`),
        );
      },
    },
  });
  const queue = await openQueue({ pgPool: pool, schema, logger });
  let isClosing = false;
  const onEnd = () => {
    if (!isClosing) options.onGivenUp();
  };
  runner.promise.then(onEnd, onEnd);
  const unlock = (ids: readonly string[]) => queue.forceUnlockWorkers([...ids]);
  return {
    async ensure(subjects) {
      for (const subject of subjects) {
        // The key keeps a second job from being added, also while the first one runs.
        const key = { jobKey: `${task}:${subject}`, jobKeyMode: 'unsafe_dedupe' as const };
        await runner.addJob(task, { subject }, { ...key, maxAttempts: 32_767 });
      }
    },
    workerIds: () => [...workerIds],
    unlock,
    async close() {
      isClosing = true;
      // It rejects where the library has given up.
      await runner.stop().catch(() => undefined);
      // A job that was taken while the runner stopped would stay locked.
      await unlock(workerIds);
      await queue.release();
    },
  };
}

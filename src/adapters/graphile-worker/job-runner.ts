// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter, setMaxListeners } from 'node:events';
import {
  Logger,
  makeWorkerUtils as openQueue,
  type Runner,
  run,
  type Task,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type pg from 'pg';
import type { Clock } from '../../core/clock.ts';
import type { JobMetrics } from '../../core/duties/ports.ts';

/** Runs work for subjects, such as the delivery to a webhook: each task for each subject on one process at a time. */
export type JobRunner = {
  /** Makes sure that a process does the work of a task for these subjects soon, unless one does it now. */
  ensure(task: string, subjects: readonly string[]): Promise<void>;
  /** The ids under which this process takes jobs. */
  workerIds(): string[];
  /** For how many milliseconds each job has been running here, by the id of the job. */
  runningMs(): Map<string, number>;
  /** Lets other processes run the jobs of workers that are gone. */
  unlock(workerIds: readonly string[]): Promise<void>;
  /**
   * Ends this process's work: aborts its signals, and gives back what it has not finished. Work that does not end soon is
   * given back too.
   */
  close(): Promise<void>;
};

/** A kind of work. */
export type JobTask = {
  name: string;
  /** Where more jobs wait than are run, those with the lowest number are taken first. */
  priority: number;
  /**
   * Must end soon after the signal aborts. Its rejection is logged; `ensure` starts the work again. Undefined: it is left to
   * other processes, and only `ensure` knows the task.
   */
  work: ((subject: string, signal: AbortSignal) => Promise<void>) | undefined;
};

/** What the runner works with. */
export type JobRunnerOptions = {
  pool: pg.Pool;
  /** A schema for jobs alone. It is created and kept up to date. */
  schema: string;
  /** What it ensures. It takes jobs of those that have work, and no others. */
  tasks: readonly JobTask[];
  /** How many jobs this process runs at the same time. */
  concurrency: number;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  metrics: Pick<JobMetrics, 'jobEnded'>;
  log(level: 'debug' | 'warn', event: Record<string, unknown>, message: string): void;
  /**
   * Called once when the library gives up, as when it cannot store that a job is done. The runner takes no more jobs then, and
   * is to be closed; the jobs that it holds run again once its workers are unlocked.
   */
  onGivenUp(): void;
};

const pollMs = 1_000;
const abortAfterMs = 100;
const stopMsMax = 700;

/** Starts to run jobs. Rejects when the schema cannot be created. */
export async function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const { pool, schema, tasks, concurrency, clock, log } = options;
  const workerIds: string[] = [];
  const workers: Promise<void>[] = [];
  const running = new Map<string, Running>();
  const events: WorkerEvents = new EventEmitter();
  // The library marks a job with the id of the pool, and not with that of a worker in it.
  events.on('pool:create', ({ workerPool }) => workerIds.push(workerPool.id));
  events.on('worker:create', ({ worker }) => workers.push(worker.promise));
  let isOver = false;
  const onEnd = () => {
    if (isOver) return;
    isOver = true;
    options.onGivenUp();
  };
  // Its promise may never settle then: the library miscounts when several jobs cannot be stored as done.
  events.on('pool:gracefulShutdown', onEnd);
  const logger = new Logger(() => (level, message, meta) => {
    // Its warnings are advice to programmers.
    log(level === 'error' ? 'warn' : 'debug', { ...meta }, message);
  });
  const runner: Runner = await run({
    ...{ pgPool: releasingOnce(pool), schema, logger, events, concurrency, pollInterval: pollMs },
    ...{ noHandleSignals: true, gracefulShutdownAbortTimeout: abortAfterMs },
    // Without these, a failure to store that a job is done would be an unhandled rejection and end the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    // Without a text the library would look for a file of this name.
    crontab: '# empty',
    taskList: taskListOf(options, running),
  });
  const queue = await openQueue({ pgPool: pool, schema, logger });
  runner.promise.then(onEnd, onEnd);
  const unlock = (ids: readonly string[]) => queue.forceUnlockWorkers([...ids]);
  return {
    async ensure(task, subjects) {
      const priority = tasks.find(({ name }) => name === task)?.priority ?? 0;
      for (const subject of subjects) {
        // The key keeps a second job from being added, also while the first one runs.
        const key = { jobKey: `${task}:${subject}`, jobKeyMode: 'unsafe_dedupe' as const };
        const options = { ...key, priority, maxAttempts: 32_767 };
        const job = await runner.addJob(task, { subject }, options);
        // The library has failed it at a forced stop, and would wait up to six hours.
        if (job.last_error !== null && job.locked_at === null) {
          await queue.rescheduleJobs([job.id], { runAt: new Date(0), attempts: 1 });
        }
      }
    },
    workerIds: () => [...workerIds],
    runningMs() {
      const nowMs = clock.nowMs();
      return new Map([...running].map(([id, { sinceMs }]) => [id, nowMs - sinceMs]));
    },
    unlock,
    async close() {
      isOver = true;
      // Where the library has given up, the stop rejects, or does not wait for the work.
      const ended = Promise.allSettled([runner.stop(), ...workers]);
      const soon = new AbortController();
      await Promise.race([ended, clock.sleep(stopMsMax, soon.signal)]);
      soon.abort();
      // Jobs that were taken while the runner stopped would stay locked.
      await unlock(workerIds);
      await queue.release();
    },
  };
}

/**
 * The pool, for a library that may return a client twice: where its statement to listen fails while it stops. The pool would
 * throw, in a promise that nobody awaits, and end the process.
 */
function releasingOnce(pool: pg.Pool): pg.Pool {
  const connect: ConnectWithCallback = (callback) =>
    pool.connect((error, client, done) => {
      if (client === undefined) return callback(error, client, done);
      let isReleased = false;
      callback(error, client, (destroy) => {
        if (isReleased) return;
        isReleased = true;
        done(destroy);
      });
    });
  return new Proxy(pool, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'connect') return value.bind(target);
      return (callback?: Parameters<ConnectWithCallback>[0]) =>
        callback ? connect(callback) : target.connect();
    },
  });
}

type ConnectWithCallback = (
  callback: (
    error: Error | undefined,
    client: pg.PoolClient | undefined,
    done: (destroy?: boolean | Error) => void,
  ) => void,
) => void;

/** A job that runs here. */
type Running = { sinceMs: number };

/** The tasks that have work. */
function taskListOf(options: JobRunnerOptions, running: Map<string, Running>): TaskList {
  const list: TaskList = {};
  for (const { name, work } of options.tasks) {
    if (work) list[name] = runOf(name, work, { ...options, running });
  }
  return list;
}

/** Never rejects: a failed job would be repeated by the library after up to six hours, and `ensure` would find it in the way. */
function runOf(
  name: string,
  work: NonNullable<JobTask['work']>,
  {
    clock,
    log,
    metrics,
    running,
  }: Pick<JobRunnerOptions, 'clock' | 'log' | 'metrics'> & { running: Map<string, Running> },
): Task {
  return async (payload, { abortSignal, job }) => {
    const { subject } = payload as { subject: string };
    // All jobs of the process have the same signal, and each listens to it.
    if (abortSignal) setMaxListeners(0, abortSignal);
    const run = { sinceMs: clock.nowMs() };
    running.set(job.id, run);
    try {
      await work(subject, abortSignal ?? new AbortController().signal);
      metrics.jobEnded(name, 'done');
    } catch (error) {
      log('warn', { err: error, subject }, `the job ${name} has failed`);
      metrics.jobEnded(name, 'failed');
    }
    // While this process was paused, another one may have given the job back, and it runs here again.
    if (running.get(job.id) === run) running.delete(job.id);
  };
}

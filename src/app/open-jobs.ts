// SPDX-License-Identifier: GPL-3.0-or-later
/** What a process needs for its jobs: connections, the package that runs them, and a report that it is alive. */
import { endsWithin } from '../adapters/postgres/connections/ends-within.ts';
import { openJobPool } from '../adapters/postgres/connections/open-job-pool.ts';
import { Database } from '../adapters/postgres/database.ts';
import { findHeldJobs } from '../adapters/postgres/events/held-jobs.ts';
import { postgresJobWorkers } from '../adapters/postgres/events/job-workers.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { createHeldJobsWatch } from '../core/duties/held-jobs.ts';
import type { JobMetrics } from '../core/duties/ports.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import type { PlainLog } from './logger.ts';
import { missingPackage } from './missing-package.ts';

/** One kind of work, which any process can have done. */
export type JobKind = {
  /** Such as `deliver`. */
  name: string;
  /** Where more jobs wait than are run, those with the lowest number are taken first. */
  priority: number;
  /** Whether there may be work. */
  isWanted(): boolean;
  /** The subjects that have something due now. */
  findDue(): Promise<string[]>;
  /** Undefined: this process leaves the work to others. */
  work: JobWork | undefined;
};

/** How a process does one kind of work. */
export type JobWork = {
  /** For how many subjects this process works at the same time. */
  concurrency: number;
  /** Loads what the work needs. Its rejection leaves the work to other processes. */
  load(): Promise<void>;
  /** The work, with a connection of the jobs. It must end soon after the signal aborts. */
  with(connection: Database): (subject: string, signal: AbortSignal) => Promise<void>;
};

/** What the jobs work with. */
export type JobOptions = {
  config: Config;
  database: { url: string; schema: string; identity: string };
  installation: InstallationWatch;
  history: HistoryGuard;
  kinds: readonly JobKind[];
  metrics: JobMetrics;
  log: PlainLog;
};

const reportMs = 3_000;
// A process that has said nothing for this long is gone or paused. Its work may begin elsewhere.
const silentMs = 9_000;
/** A process that stops does not wait longer for the database. Others run its jobs once it is silent. */
export const stopMsMax = 1_000;

/** Jobs that a process runs. */
export type OpenJobs = Awaited<ReturnType<typeof openJobs>>;

/** Opens the connections of the jobs, and begins to run them. */
export async function openJobs(
  options: JobOptions,
  { onEnded, onLacking }: { onEnded(): void; onLacking(): void },
) {
  const { config, database, installation, history, kinds, metrics, log } = options;
  const { connectTimeoutMs, lockTimeoutMs, statementTimeoutMs } = config.database;
  const jobsSchema = `${database.schema}_jobs`;
  const [{ startJobRunner }, works] = await Promise.all([
    loadJobRunner().catch(missingPackage),
    loadWorks(kinds, log),
  ]).catch((error) => {
    onLacking();
    throw error;
  });
  const onLost = ({ message }: Error) =>
    log.warn({ reason: message }, 'a connection of the jobs was lost');
  const connection = new Database({
    ...{ ...database, connectionsMax: 1, connectTimeoutMs, lockTimeoutMs, statementTimeoutMs },
    ...{ answerTimeoutMs: statementTimeoutMs, session: { writes: true, installation, history } },
    onIdleConnectionLost: onLost,
  });
  const { pool, close: closePool } = openJobPool({
    ...{ url: database.url, schema: database.schema, jobsSchema, installation, history },
    ...{ connectTimeoutMs, statementTimeoutMs },
    ...{ connectionsMax: config.webhooks.connections - 1, onConnectionLost: onLost },
  });
  const workers = postgresJobWorkers(connection);
  const closeConnections = async () => {
    await Promise.all([closePool(), connection.close()]);
  };
  const runner = await startJobRunner({
    ...{ pool, schema: jobsSchema, clock: systemClock, metrics, onGivenUp: onEnded },
    concurrency: [...works.values()].reduce((sum, work) => sum + work.concurrency, 0),
    tasks: kinds.map(({ name, priority }) => ({
      ...{ name, priority, work: works.get(name)?.with(connection) },
    })),
    log: (level, event, message) => log[level](event, message),
  }).catch(async (error) => {
    await closeConnections();
    throw error;
  });
  const watch = createHeldJobsWatch(systemClock);
  let reportedMs = Number.NEGATIVE_INFINITY;
  const giveAway = async (workerIds: string[]) => {
    log.warn({ workers: workerIds }, 'the jobs of processes that are gone run elsewhere');
    await runner.unlock(workerIds);
    await workers.forget(workerIds);
    metrics.workersReplaced(workerIds.length);
  };
  return {
    runner,
    /** Says that this process is alive, and looks for jobs that nothing runs. */
    async report() {
      if (systemClock.nowMs() - reportedMs < reportMs) return;
      await workers.report(runner.workerIds());
      reportedMs = systemClock.nowMs();
      const { own, others } = watch.look(await findHeldJobs(pool), {
        ...{ workerIds: runner.workerIds(), runningMs: runner.runningMs() },
      });
      // As of a worker that took a job after it was forgotten.
      const holders = [...new Set(others.map(({ workerId }) => workerId))];
      const unlisted = holders.length > 0 ? await workers.findUnlisted(holders) : [];
      if (unlisted.length > 0) await giveAway(unlisted);
      if (own.length === 0) return;
      log.warn(
        { jobs: own.map(({ jobId }) => jobId) },
        'this process holds jobs that it does not run',
      );
      onEnded();
    },
    /** Lets this and other processes run the jobs of those that are gone. */
    async takeOver() {
      const silent = await workers.findSilent(silentMs);
      if (silent.length > 0) await giveAway(silent);
    },
    async close() {
      const given = runner.close().then(() => workers.forget(runner.workerIds()));
      await endsWithin(given, stopMsMax).catch(() => undefined);
      await closeConnections();
    },
  };
}

/** Loads what this process can do, by the names of the kinds. Rejects where that is nothing. */
async function loadWorks(
  kinds: readonly JobKind[],
  log: Pick<PlainLog, 'warn'>,
): Promise<Map<string, JobWork>> {
  const works = new Map<string, JobWork>();
  const errors: unknown[] = [];
  for (const { name, work } of kinds) {
    try {
      await work?.load();
      if (work) works.set(name, work);
    } catch (error) {
      errors.push(error);
      log.warn({ err: error }, `this process leaves the job ${name} to others`);
    }
  }
  if (works.size === 0) throw errors[0];
  return works;
}

/** Loads the package that runs jobs. */
export function loadJobRunner() {
  return import('../adapters/graphile-worker/job-runner.ts');
}

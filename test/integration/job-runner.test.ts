// SPDX-License-Identifier: GPL-3.0-or-later
/** Jobs of several runners on one database. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  type JobRunner,
  type JobTask,
  startJobRunner,
} from '../../src/adapters/graphile-worker/job-runner.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { range } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
const runners: JobRunner[] = [];
const pools: pg.Pool[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.close()));
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
  // A job that had ended, but was not yet stored as done when its runner closed, would run again in the next test.
  await database.query('drop schema if exists firstcome_jobs cascade');
});

afterAll(() => database.drop());

const subjects = range(8).map(String);

type Work = NonNullable<JobTask['work']>;

const deliverOnly = (work: Work): JobTask[] => [{ name: 'deliver', priority: 0, work }];

async function start(work: Work, concurrency = 2, tasks = deliverOnly) {
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  pools.push(pool);
  const [lines, ended]: [string[], string[]] = [[], []];
  const state = { isGivenUp: false };
  const runner = await startJobRunner({
    ...{ pool, schema: 'firstcome_jobs', concurrency, tasks: tasks(work), clock: systemClock },
    metrics: { jobEnded: (job, result) => void ended.push(`${job} ${result}`) },
    onGivenUp: () => {
      state.isGivenUp = true;
    },
    log: (level, _, message) => {
      if (level === 'warn') lines.push(message);
    },
  });
  runners.push(runner);
  return { runner, lines, ended, state };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });

it('many jobs that wait for the end of the process at the same time write no warning', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  let waiting = 0;
  const { runner } = await start(async (_, signal) => {
    waiting += 1;
    await untilAborted(signal);
  }, 16);
  await runner.ensure('deliver', range(16).map(String));
  await waitFor('all jobs to wait', () => waiting >= 16);
  // A warning is sent in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

it('work for a subject runs once at a time over all processes, and again after its end', async () => {
  let running = 0;
  let [most, done] = [0, 0];
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done += 1;
  };
  const [first, second] = [await start(work), await start(work)];
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([
      first.runner.ensure('deliver', ['a']),
      second.runner.ensure('deliver', ['a']),
    ]);
  }
  const before = done;
  await waitFor('the work to run again', async () => {
    await first.runner.ensure('deliver', ['a']);
    return done > before;
  });
  expect(most).toBe(1);
});

it('work that fails is logged and counted, and runs again when it is wanted again', async () => {
  let attempts = 0;
  const { runner, lines, ended } = await start(async () => {
    attempts += 1;
    throw new Error('the receiver is away');
  });
  await waitFor('a second attempt', async () => {
    await runner.ensure('deliver', ['a']);
    return attempts > 1;
  });
  expect(lines[0]).toBe('the job deliver has failed');
  expect(ended[0]).toBe('deliver failed');
});

it('the work of a process that is gone runs elsewhere after its workers are unlocked', async () => {
  let begun = false;
  const gone = await start(async (_, signal) => {
    begun = true;
    await untilAborted(signal);
  }, 1);
  await gone.runner.ensure('deliver', ['a']);
  await waitFor('the work to begin', () => begun);
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.ensure('deliver', ['a', 'b']);
  await waitFor('other work', () => seen.includes('b'));
  expect(seen).toEqual(['b']);
  await other.runner.unlock(gone.runner.workerIds());
  await waitFor('the work of the other process', () => seen.includes('a'));
});

it('the end of a process aborts its work, which another one can do at once', async () => {
  let begun = false;
  let ended = false;
  const { runner } = await start(async (_, signal) => {
    begun = true;
    await untilAborted(signal);
    ended = true;
  });
  await runner.ensure('deliver', ['a']);
  await waitFor('the work to begin', () => begun);
  await runners.splice(0)[0]?.close();
  expect(ended).toBe(true);
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.ensure('deliver', ['a']);
  await waitFor('the work', () => seen.length > 0);
});

it('a runner that cannot store that a job is done gives up, and its job runs elsewhere', async () => {
  let finish = () => {};
  let begun = false;
  const failing = await start(async () => {
    begun = true;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  await failing.runner.ensure('deliver', ['a']);
  await waitFor('the work to begin', () => begun);
  await database.query('alter table firstcome_jobs._private_jobs rename to hidden_jobs');
  finish();
  await waitFor('the runner to give up', () => failing.state.isGivenUp);
  await database.query('alter table firstcome_jobs.hidden_jobs rename to _private_jobs');
  await runners.splice(0)[0]?.close();
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.unlock(failing.runner.workerIds());
  await waitFor('the work', () => seen.includes('a'));
});

it('a runner gives up, and frees its jobs, when many that end at once cannot be stored as done', async () => {
  const finish: (() => void)[] = [];
  const failing = await start(
    () => new Promise<void>((resolve) => void finish.push(resolve)),
    subjects.length,
  );
  await failing.runner.ensure('deliver', subjects);
  await waitFor('the work to begin', () => finish.length >= subjects.length);
  await database.query('alter table firstcome_jobs._private_jobs rename to hidden_jobs');
  for (const end of finish) {
    end();
    // Each end is stored by a statement of its own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waitFor('the runner to give up', () => failing.state.isGivenUp);
  await database.query('alter table firstcome_jobs.hidden_jobs rename to _private_jobs');
  await runners.splice(0)[0]?.close();
  const seen = new Set<string>();
  const other = await start(async (subject) => void seen.add(subject));
  await other.runner.ensure('deliver', subjects);
  await waitFor('the work of the other process', () => seen.size >= subjects.length);
});

it('each task has its own subjects, and those of a lower number are taken first', async () => {
  const seen: string[] = [];
  let finish = () => {};
  const { runner } = await start(
    async (subject) => {
      seen.push(`deliver ${subject}`);
      if (subject !== 'first') return;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
    1,
    (work) => [
      ...deliverOnly(work),
      { name: 'sagas', priority: -1, work: async (subject) => void seen.push(`sagas ${subject}`) },
    ],
  );
  await runner.ensure('deliver', ['first']);
  await waitFor('the first job', () => seen.length >= 1);
  await runner.ensure('deliver', ['7']);
  await runner.ensure('sagas', ['7']);
  finish();
  await waitFor('the others', () => seen.length >= 3);
  expect(seen).toEqual(['deliver first', 'sagas 7', 'deliver 7']);
});

it('a process takes no job of a task that it does not know', async () => {
  const one = await start(async () => undefined);
  await one.runner.ensure('sagas', ['3']);
  await waitFor('own work', async () => {
    await one.runner.ensure('deliver', ['a']);
    const rows = await database.query(
      'select from firstcome_jobs.jobs where task_identifier = $1',
      ['deliver'],
    );
    return rows.length === 0;
  });
  const seen: string[] = [];
  await start(
    async () => undefined,
    1,
    () => [{ name: 'sagas', priority: 0, work: async (subject) => void seen.push(subject) }],
  );
  await waitFor('the work of the other process', () => seen.length > 0);
  expect(seen).toEqual(['3']);
});

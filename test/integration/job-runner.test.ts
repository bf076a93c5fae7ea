// SPDX-License-Identifier: GPL-3.0-or-later
/** Jobs of several runners on one database. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type JobRunner, startJobRunner } from '../../src/adapters/graphile-worker/job-runner.ts';
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
});

afterAll(() => database.drop());

async function start(
  work: (subject: string, signal: AbortSignal) => Promise<void>,
  concurrency = 2,
) {
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  pools.push(pool);
  const lines: string[] = [];
  const state = { isGivenUp: false };
  const runner = await startJobRunner({
    ...{ pool, work, schema: 'firstcome_jobs', task: 'deliver', concurrency },
    onGivenUp: () => {
      state.isGivenUp = true;
    },
    log: (level, _, message) => {
      if (level === 'warn') lines.push(message);
    },
  });
  runners.push(runner);
  return { runner, lines, state };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve());
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
    await Promise.all([first.runner.ensure(['a']), second.runner.ensure(['a'])]);
  }
  const before = done;
  await waitFor('the work to run again', async () => {
    await first.runner.ensure(['a']);
    return done > before;
  });
  expect(most).toBe(1);
});

it('work that fails is logged, and runs again when it is wanted again', async () => {
  let attempts = 0;
  const { runner, lines } = await start(async () => {
    attempts += 1;
    throw new Error('the receiver is away');
  });
  await waitFor('a second attempt', async () => {
    await runner.ensure(['a']);
    return attempts > 1;
  });
  expect(lines[0]).toBe('the job deliver has failed');
});

it('the work of a process that is gone runs elsewhere after its workers are unlocked', async () => {
  let begun = false;
  const gone = await start(async (_, signal) => {
    begun = true;
    await untilAborted(signal);
  }, 1);
  await gone.runner.ensure(['a']);
  await waitFor('the work to begin', () => begun);
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.ensure(['a', 'b']);
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
  await runner.ensure(['a']);
  await waitFor('the work to begin', () => begun);
  await runners.splice(0)[0]?.close();
  expect(ended).toBe(true);
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.ensure(['a']);
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
  await failing.runner.ensure(['a']);
  await waitFor('the work to begin', () => begun);
  await database.query('alter table firstcome_jobs._private_jobs rename to hidden_jobs');
  finish();
  await waitFor('the runner to give up', () => failing.state.isGivenUp);
  await database.query('alter table firstcome_jobs.hidden_jobs rename to _private_jobs');
  const seen: string[] = [];
  const other = await start(async (subject) => void seen.push(subject));
  await other.runner.unlock(failing.runner.workerIds());
  await waitFor('the work', () => seen.includes('a'));
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { createHeldJobsWatch, type HeldJob } from './held-jobs.ts';

const jobOf = (workerId: string, attempts = 1): HeldJob => ({ jobId: '7', attempts, workerId });
const nothing = { own: [], others: [] };

/** A watch whose looks are three seconds apart, in a process with the worker `own`. */
function setUp() {
  const clock = new FixedClock();
  const watch = createHeldJobsWatch(clock);
  return async (held: HeldJob[], runningMs = new Map<string, number>()) => {
    await clock.advance(3_000);
    return watch.look(held, { workerIds: ['own'], runningMs });
  };
}

it('finds a job of this process that nothing has run for nine seconds', async () => {
  const look = setUp();
  for (let n = 0; n < 3; n += 1) expect(await look([jobOf('own')])).toEqual(nothing);
  expect(await look([jobOf('own')])).toEqual({ own: [jobOf('own')], others: [] });
});

it('finds a job that another process holds for nine seconds', async () => {
  const look = setUp();
  for (let n = 0; n < 3; n += 1) expect(await look([jobOf('other')])).toEqual(nothing);
  expect(await look([jobOf('other')])).toEqual({ own: [], others: [jobOf('other')] });
});

it('finds no job that runs, and none that was taken again in between', async () => {
  const look = setUp();
  for (let n = 1; n <= 9; n += 1) {
    expect(await look([jobOf('own')], new Map([['7', n * 3_000]]))).toEqual(nothing);
  }
  for (let n = 1; n <= 9; n += 1) expect(await look([jobOf('own', n)])).toEqual(nothing);
  for (let n = 1; n <= 9; n += 1) {
    expect(await look(n % 3 === 0 ? [] : [jobOf('own')])).toEqual(nothing);
  }
});

it('finds a job whose work does not end', async () => {
  const look = setUp();
  const running = new Map([['7', 180_001]]);
  for (let n = 0; n < 3; n += 1) expect(await look([jobOf('own')], running)).toEqual(nothing);
  expect((await look([jobOf('own')], running)).own).toEqual([jobOf('own')]);
});

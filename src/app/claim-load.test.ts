// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock } from '../../test/support/fixed-clock.ts';
import { measureClaimLoad } from './claim-load.ts';

function setUp() {
  const clock = new FixedClock();
  const eventLoop = { utilization: 1 };
  const load = measureClaimLoad({ clock, takeUtilization: () => eventLoop.utilization });
  const counted: string[] = [];
  const metrics = load.counting({
    answered: (outcome: string, _seconds: number) => void counted.push(outcome),
  });
  /** A tenth of a second with so many answers. */
  const pass = async (answers: number, outcome = 'claimed') => {
    for (let n = 0; n < answers; n += 1) metrics.answered(outcome, 0.01);
    await clock.advance(100);
    return load.isHigh();
  };
  return { clock, eventLoop, load, counted, pass };
}

it('the load is high while the event loop is busy and many claims get units', async () => {
  const { eventLoop, load, pass } = setUp();
  expect(load.isHigh()).toBe(false);
  expect(await pass(50)).toBe(true);
  expect(await pass(49)).toBe(false);
  expect(await pass(5_000)).toBe(true);
  eventLoop.utilization = 0.5;
  expect(await pass(5_000)).toBe(false);
});

it('refusals, and the work that is not for claims, do not make the load high', async () => {
  const { pass } = setUp();
  expect(await pass(0)).toBe(false);
  expect(await pass(5_000, 'sold_out')).toBe(false);
});

it('a load is high for 30 seconds at most, and again once it has been low for 10', async () => {
  const { pass } = setUp();
  const passMany = async (count: number, answers: number) => {
    let high = 0;
    for (let n = 0; n < count; n += 1) if (await pass(answers)) high += 1;
    return high;
  };
  expect(await passMany(400, 50)).toBe(300);
  expect(await passMany(99, 0)).toBe(0);
  expect(await passMany(10, 50)).toBe(0);
  expect(await passMany(100, 0)).toBe(0);
  expect(await passMany(10, 50)).toBe(10);
});

it('all answers are counted in the metrics, and a load that is stopped leaves no timer', async () => {
  const { clock, load, counted, pass } = setUp();
  await pass(1, 'sold_out');
  await pass(1);
  expect(counted).toEqual(['sold_out', 'claimed']);
  load.stop();
  expect(clock.pending).toBe(0);
});

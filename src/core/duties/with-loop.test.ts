// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { withLoop } from './with-loop.ts';

const lease = { duty: 'event_relay', epoch: '1' } as const;

/** A duty that is busy until the test ends its work, with a loop of its own. */
function setUp() {
  const clock = new FixedClock();
  const lines: string[] = [];
  let looks = 0;
  const endOfDuty = { now: () => {} };
  const duty = withLoop(
    {
      name: 'event_relay',
      begin: () => () =>
        new Promise<void>((resolve) => {
          endOfDuty.now = resolve;
        }),
    },
    {
      ...{ clock, everyMs: 500, report: (error) => lines.push(String(error)) },
      async look() {
        looks += 1;
        if (looks === 2) throw new Error('away');
      },
    },
  );
  return { clock, duty, lines, endOfDuty, looks: () => looks };
}

it('the loop goes on while the duty is busy, and after a failure, which is reported', async () => {
  const { clock, duty, lines, looks } = setUp();
  duty.begin(lease);
  await clock.advance(1_600);
  expect(looks()).toBe(4);
  expect(lines).toEqual(['Error: away']);
});

it('the end of the duty is the end of both', async () => {
  const { clock, duty, endOfDuty, looks } = setUp();
  const end = duty.begin(lease);
  let isEnded = false;
  const ended = end().then(() => {
    isEnded = true;
  });
  await clock.advance(5_000);
  expect([looks(), isEnded]).toEqual([1, false]);
  endOfDuty.now();
  await flushPromises();
  expect(isEnded).toBe(true);
  await ended;
});

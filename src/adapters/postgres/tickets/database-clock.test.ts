// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { PostgresDatabaseClock } from './database-clock.ts';

function setup() {
  const answers: ((rows: { ms: number }[]) => void)[] = [];
  const run = () => new Promise((resolve) => answers.push(resolve));
  const clock = new PostgresDatabaseClock({ run } as unknown as Database, { nowMs: () => 0 });
  return { clock, answers };
}

describe('the clock of the database', () => {
  it('asks once for all that measure at the same time', async () => {
    const { answers, clock } = setup();
    const measured = [clock.measure(), clock.measure()];
    answers[0]?.([{ ms: 5 }]);
    expect(await Promise.all(measured)).toEqual([5, 5]);
    expect(answers.length).toBe(1);
    void clock.measure();
    expect(answers.length).toBe(2);
  });

  it('asks again after a change of the server, and keeps nothing of the one before', async () => {
    const { answers, clock } = setup();
    const before = clock.measure();
    clock.forget();
    const after = clock.measure();
    answers[0]?.([{ ms: 5 }]);
    await before;
    expect(clock.nowMs()).toBeUndefined();
    answers[1]?.([{ ms: 7 }]);
    await after;
    expect(clock.nowMs()).toBe(7);
  });
});

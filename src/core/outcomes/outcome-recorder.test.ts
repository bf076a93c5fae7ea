// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { OutcomeCounts } from './outcome-counts.ts';
import { OutcomeRecorder } from './outcome-recorder.ts';
import type { CountedSecond, OutcomeGap } from './ports.ts';

// The clock of the database, in its 7th second when that of the process starts.
const databaseStartMs = 7_400;

function setup(hold?: Promise<void>) {
  const clock = new FixedClock();
  const counts = new OutcomeCounts(10);
  const metrics = counts.counting({
    answered: (_outcome: string, _seconds: number, _couponName: string) => undefined,
    refusedEarly: () => undefined,
  });
  const claim = (couponName = 'A') => metrics.answered('claimed', 0, couponName);
  const stored: { seconds: readonly CountedSecond[]; gap: OutcomeGap | undefined }[] = [];
  const database = { isAway: false, hold, calls: 0 };
  const lanes = new Map<string, number>();
  const answer = async () => {
    database.calls += 1;
    await database.hold;
    if (database.isAway) throw new Error('away');
    return clock.nowMs() + databaseStartMs;
  };
  const warnings: string[] = [];
  const recorder = new OutcomeRecorder({
    ...{ counts, clock, waitingCouponsMax: 2, waiting: () => lanes },
    store: {
      begin: answer,
      async append(seconds, gap) {
        const clockMs = await answer();
        stored.push({ seconds, gap });
        return clockMs;
      },
    },
    warn: (_, message) => warnings.push(message),
  });
  recorder.start();
  return { clock, claim, stored, database, lanes, recorder, warnings };
}

const claimed = (second: number, count = 1) => ({
  ...{ couponName: 'A', second, outcomes: { claimed: count }, times: [count], waiting: 0 },
});

describe('a recorder of outcomes', () => {
  it('stores each second once, under its number by the clock of the database', async () => {
    const { clock, claim, stored } = setup();
    await clock.advance(300);
    claim();
    claim();
    await clock.advance(600);
    claim();
    await clock.advance(1_000);
    expect(stored).toEqual([
      { seconds: [claimed(7, 2)], gap: undefined },
      { seconds: [claimed(8)], gap: undefined },
    ]);
  });

  it('keeps the time of a second during which it learns the clock of the database', async () => {
    let answer: () => void = () => undefined;
    const { clock, claim, stored, database } = setup(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    await clock.advance(200);
    claim();
    database.hold = undefined;
    answer();
    await clock.advance(1_000);
    expect(stored).toEqual([{ seconds: [claimed(7)], gap: undefined }]);
  });

  it('keeps the time of a second during which the clock of the database becomes unknown', async () => {
    const { clock, claim, stored, database } = setup();
    await clock.advance(100);
    claim();
    database.isAway = true;
    // It sends the 7th second in the 8th, which fails.
    await clock.advance(700);
    claim();
    database.isAway = false;
    await clock.advance(2_000);
    expect(stored).toEqual([{ seconds: [claimed(8)], gap: { first: 7, last: 7 } }]);
  });

  it('writes nothing while nothing happens, and what waits counts as something', async () => {
    const { clock, stored, database, lanes } = setup();
    await clock.advance(60_000);
    expect([stored, database.calls]).toEqual([[], 1]);
    for (const name of ['A', 'B', 'C']) lanes.set(name, 5);
    lanes.set('idle', 0);
    await clock.advance(1_000);
    const waits = stored.flatMap(({ seconds }) => seconds.map((s) => [s.couponName, s.waiting]));
    expect(waits).toEqual([
      ['A', 5],
      ['B', 5],
    ]);
  });

  it('stores the seconds of a slow statement after it, in one statement', async () => {
    const { clock, claim, stored, database } = setup();
    let go: () => void = () => undefined;
    await clock.advance(100);
    database.hold = new Promise((resolve) => {
      go = resolve;
    });
    for (let second = 0; second < 3; second += 1) {
      claim();
      await clock.advance(1_000);
    }
    expect(stored).toEqual([]);
    database.hold = undefined;
    go();
    await clock.advance(1_000);
    expect(stored.map(({ seconds }) => seconds.map(({ second }) => second))).toEqual([[7], [8, 9]]);
  });

  it('loses the counts while the database is away, says so once, and stores the gap as soon as it is back', async () => {
    const { clock, claim, stored, database, warnings } = setup();
    await clock.advance(100);
    database.isAway = true;
    for (let second = 0; second < 5; second += 1) {
      claim();
      await clock.advance(1_000);
    }
    database.isAway = false;
    await clock.advance(2_000);
    expect(stored).toEqual([{ seconds: [], gap: { first: 7, last: 11 } }]);
    expect(warnings).toHaveLength(1);
    claim();
    await clock.advance(1_000);
    expect(stored.at(-1)).toEqual({ seconds: [claimed(14)], gap: undefined });
  });

  it('keeps no more than ten seconds for a database that does not answer', async () => {
    const { clock, claim, stored, database } = setup();
    let go: () => void = () => undefined;
    await clock.advance(100);
    database.hold = new Promise((resolve) => {
      go = resolve;
    });
    for (let second = 0; second < 20; second += 1) {
      claim();
      await clock.advance(1_000);
    }
    database.hold = undefined;
    go();
    await clock.advance(1_000);
    const seconds = stored.map((one) => one.seconds.map(({ second }) => second));
    expect(seconds).toEqual([[7], [17, 18, 19, 20, 21, 22, 23, 24, 25, 26]]);
    expect(stored.at(-1)?.gap).toEqual({ first: 8, last: 16 });
  });

  it('stores what is counted when it stops, and waits no longer than a second', async () => {
    const { clock, claim, stored, recorder, database } = setup();
    await clock.advance(100);
    claim();
    await recorder.stop();
    expect(stored).toHaveLength(1);
    expect(clock.pending).toBe(0);
    const other = setup();
    await other.clock.advance(100);
    other.database.hold = new Promise(() => undefined);
    other.claim();
    const stopped = other.recorder.stop();
    await other.clock.advance(1_000);
    await stopped;
    expect(database.calls).toBe(2);
  });
});

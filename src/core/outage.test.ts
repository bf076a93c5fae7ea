// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { FixedClock } from '../../test/support/fixed-clock.ts';
import { Outage } from './outage.ts';

describe('Outage', () => {
  let clock: FixedClock;
  let log: string[];
  let outage: Outage;

  beforeEach(() => {
    clock = new FixedClock();
    log = [];
    outage = new Outage(
      clock,
      { warn: (event, message) => log.push(`${JSON.stringify(event)} ${message}`) },
      { away: 'Redis is away', back: 'Redis answers again', refused: 'Redis refuses commands' },
    );
  });

  /** Fails every 250 ms. */
  async function failFor(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs <= ms; passedMs += 250) {
      outage.failed('frozen');
      await clock.advance(250);
    }
  }

  it('begins as away, and says nothing of a start that finds Redis soon', async () => {
    expect(outage.isAway).toBe(true);
    await failFor(500);
    outage.answered();
    expect(outage.isAway).toBe(false);
    expect(log).toEqual([]);
  });

  it('has one line for an outage however long it takes, and one for its end', async () => {
    outage.answered();
    await failFor(600_000);
    expect(outage.isAway).toBe(true);
    expect(log).toEqual(['{"reason":"frozen"} Redis is away']);
    outage.answered();
    outage.answered();
    expect(log).toHaveLength(2);
    expect(log[1]).toBe('{"awayMs":600250} Redis answers again');
  });

  it('is away at once, but not worth a line, for less than a second', async () => {
    outage.answered();
    for (let times = 0; times < 10; times += 1) {
      outage.failed('slow');
      expect(outage.isAway).toBe(true);
      await clock.advance(500);
      outage.answered();
    }
    expect(log).toEqual([]);
  });

  it('logs refused commands once a minute, and does not count them as an outage', async () => {
    outage.answered();
    for (let seconds = 0; seconds < 119; seconds += 1) {
      outage.refused('OOM');
      await clock.advance(1_000);
    }
    expect(log).toHaveLength(2);
    expect(outage.isAway).toBe(false);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { countInProcess } from './count-in-process.ts';

const rate = { requests: 3, seconds: 60 };

describe('counts of this process', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('count each key in a window that its first request begins', async () => {
    const counts = countInProcess(rate, 10);
    expect(await counts.add('a', 1)).toEqual({ requests: 1, endsInMs: 60_000 });
    vi.advanceTimersByTime(20_000);
    expect(await counts.add('a', 4)).toEqual({ requests: 5, endsInMs: 40_000 });
    expect(await counts.add('b', 2)).toEqual({ requests: 2, endsInMs: 60_000 });
    vi.advanceTimersByTime(40_000);
    expect(await counts.add('a', 1)).toEqual({ requests: 1, endsInMs: 60_000 });
    expect(await counts.add('b', 1)).toEqual({ requests: 3, endsInMs: 20_000 });
  });

  it('are kept for a limited number of keys: those whose window began first are forgotten', async () => {
    const counts = countInProcess(rate, 2);
    for (const key of ['a', 'b', 'a', 'c']) await counts.add(key, 1);
    expect((await counts.add('b', 1)).requests).toBe(2);
    expect((await counts.add('c', 1)).requests).toBe(2);
    expect(vi.getTimerCount()).toBe(2);
    expect((await counts.add('a', 1)).requests).toBe(1);
  });

  it('begin a new window when the wall clock is set forward, and end it in time when it is set back', async () => {
    const counts = countInProcess(rate, 10);
    await counts.add('a', 3);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect((await counts.add('a', 1)).requests).toBe(1);
    vi.setSystemTime(Date.now() - 7_200_000);
    expect((await counts.add('a', 1)).requests).toBe(2);
    vi.advanceTimersByTime(60_000);
    expect((await counts.add('a', 1)).requests).toBe(1);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the clock', () => {
  it('does not follow the time of day, which may be set back', () => {
    const before = systemClock.nowMs();
    vi.setSystemTime(0);
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(before);
  });
});

describe('sleeping', () => {
  /** Whether the promise is done by now. */
  async function isDone(promise: Promise<void>): Promise<boolean> {
    let done = false;
    void promise.then(() => {
      done = true;
    });
    await Promise.resolve();
    return done;
  }

  it('ends when its time is over, and not before', async () => {
    const sleep = systemClock.sleep(100);
    vi.advanceTimersByTime(99);
    expect(await isDone(sleep)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await isDone(sleep)).toBe(true);
  });

  it('ends at once, and leaves no timer, when it is called off', async () => {
    const calling = new AbortController();
    const sleep = systemClock.sleep(100, calling.signal);
    calling.abort();
    expect(await isDone(sleep)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not begin when it was called off before', async () => {
    expect(await isDone(systemClock.sleep(100, AbortSignal.abort()))).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes its listener off the signal, which may live long', async () => {
    const calling = new AbortController();
    const removed = vi.spyOn(calling.signal, 'removeEventListener');
    const sleep = systemClock.sleep(100, calling.signal);
    vi.advanceTimersByTime(100);
    await sleep;
    expect(removed).toHaveBeenCalledOnce();
  });
});

describe('ticking', () => {
  it('goes on at its interval until it is stopped', () => {
    const tick = vi.fn();
    const stop = systemClock.every(10, tick);
    vi.advanceTimersByTime(35);
    expect(tick).toHaveBeenCalledTimes(3);
    stop();
    vi.advanceTimersByTime(100);
    expect(tick).toHaveBeenCalledTimes(3);
  });
});

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
  it('does not go back when the time of day does', () => {
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

  it('wakes when its time is over, and not before', async () => {
    const sleep = systemClock.sleep(100);
    vi.advanceTimersByTime(99);
    expect(await isDone(sleep)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await isDone(sleep)).toBe(true);
  });

  it('wakes at once and leaves no timer when it is aborted', async () => {
    const aborting = new AbortController();
    const sleep = systemClock.sleep(100, aborting.signal);
    aborting.abort();
    expect(await isDone(sleep)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not sleep when the signal is already aborted', async () => {
    expect(await isDone(systemClock.sleep(100, AbortSignal.abort()))).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('removes its listener from the signal, which may live long', async () => {
    const aborting = new AbortController();
    const removed = vi.spyOn(aborting.signal, 'removeEventListener');
    const sleep = systemClock.sleep(100, aborting.signal);
    vi.advanceTimersByTime(100);
    await sleep;
    expect(removed).toHaveBeenCalledOnce();
  });
});

describe('ticking', () => {
  it('ticks at its interval until it is stopped', () => {
    const tick = vi.fn();
    const stop = systemClock.every(10, tick);
    vi.advanceTimersByTime(35);
    expect(tick).toHaveBeenCalledTimes(3);
    stop();
    vi.advanceTimersByTime(100);
    expect(tick).toHaveBeenCalledTimes(3);
  });
});

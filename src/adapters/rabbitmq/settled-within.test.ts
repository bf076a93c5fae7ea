// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { settledWithin } from './settled-within.ts';

function setup() {
  const signals: AbortSignal[] = [];
  let wake: () => void = () => undefined;
  const clock = {
    sleep: (_ms: number, signal?: AbortSignal) => {
      if (signal !== undefined) signals.push(signal);
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  };
  return { clock, signals, wake: () => wake() };
}

describe('settledWithin', () => {
  it.each([
    ['resolves', () => Promise.resolve(1)],
    ['rejects', () => Promise.reject(new Error('lost'))],
  ])('ends when the call %s, and leaves no timer', async (_, call) => {
    const { clock, signals } = setup();
    await settledWithin(call(), 2_000, clock);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('ends after its time when the call does not settle', async () => {
    const { clock, wake } = setup();
    const ended = settledWithin(new Promise(() => undefined), 2_000, clock);
    wake();
    await expect(ended).resolves.toBeUndefined();
  });
});

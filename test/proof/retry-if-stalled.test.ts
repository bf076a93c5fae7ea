// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { lagMsLimit } from '../../src/proof/drill/report.ts';
import { retryIfStalled } from '../support/retry-if-stalled.ts';

const stall = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * lagMsLimit);

it('retries an attempt that failed while the process stalled, a few times at most', async () => {
  let tries = 0;
  await retryIfStalled(async () => {
    tries += 1;
    if (tries > 2) return;
    stall();
    throw new Error('too late');
  });
  expect(tries).toBe(3);
  tries = 0;
  const alwaysLate = retryIfStalled(async () => {
    tries += 1;
    stall();
    throw new Error('too late');
  });
  await expect(alwaysLate).rejects.toThrow('too late');
  expect(tries).toBe(5);
});

it('does not retry an attempt that failed without a stall', async () => {
  let tries = 0;
  const wrong = retryIfStalled(async () => {
    tries += 1;
    throw new Error('wrong');
  });
  await expect(wrong).rejects.toThrow('wrong');
  expect(tries).toBe(1);
});

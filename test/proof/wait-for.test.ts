// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';

const causeOf = (waiting: Promise<unknown>) =>
  waiting.then(
    () => 'it ended',
    ({ message, cause }: Error) => [message, (cause as Error | undefined)?.message],
  );

it('a wait returns the first truthy result', async () => {
  const results = [undefined, 0, 'found', 'later'];
  expect(await waitFor('result', () => results.shift(), { everyMs: 1 })).toBe('found');
});

it('a wait that is too long names what it waits for, and why the last check failed', async () => {
  const check = () => Promise.reject(new Error('connection refused'));
  expect(await causeOf(waitFor('answer', check, { timeoutMs: 0 }))).toEqual([
    ...['after 0 ms there was still no answer', 'connection refused'],
  ]);
});

it('a check that does not end does not hold up the wait for ever', async () => {
  const check = () => new Promise<boolean>(() => undefined);
  expect(await causeOf(waitFor('answer', check, { timeoutMs: 0 }))).toEqual([
    ...['after 0 ms there was still no answer', 'the last check did not end'],
  ]);
});

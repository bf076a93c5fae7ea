// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import type { TokenKey } from '../../core/user-tokens/user-tokens.ts';
import { RemoteKeys } from './remote-keys.ts';

const minuteMs = 60_000;
const started: RemoteKeys[] = [];
afterEach(() => {
  for (const keys of started.splice(0)) keys.stop();
});

/** The keys of a URL that a test changes: a text of names, or an error. */
async function aSource(first: string | Error = 'a') {
  const clock = new FixedClock();
  const state = {
    response: first as string | Error | Promise<string>,
    requests: 0,
    results: [] as string[],
    lines: [] as string[],
  };
  const line = (level: string) => (event: Record<string, unknown>, message: string) => {
    state.lines.push(`${level} ${message} ${event.reason ?? event.problems ?? ''}`.trim());
  };
  const keys = new RemoteKeys({
    clock,
    async fetchText() {
      state.requests += 1;
      if (state.response instanceof Error) throw state.response;
      return state.response;
    },
    parse(text) {
      const names = text.split(' ').filter((name) => name !== '' && name !== 'broken');
      return {
        keys: names.map((id): TokenKey => ({ id, algorithm: 'EdDSA', jwk: {} })),
        problems: text.includes('broken') ? ['key 1 is broken'] : [],
      };
    },
    metrics: { tokenKeysFetched: (result) => state.results.push(result) },
    log: { info: line('info'), warn: line('warn') },
  });
  started.push(keys);
  await keys.start();
  const has = (name: string) => keys.current()?.candidates(name, 'EdDSA').length === 1;
  return { clock, state, keys, has };
}

it('fetches the keys at the start and every five minutes', async () => {
  const { clock, state, has } = await aSource();
  expect(has('a')).toBe(true);
  state.response = 'b';
  await clock.advance(5 * minuteMs - 1);
  expect([has('a'), state.requests]).toEqual([true, 1]);
  await clock.advance(1);
  expect([has('a'), has('b'), state.requests]).toEqual([false, true, 2]);
});

it('keeps the same set while the text is the same, so that verified tokens stay remembered', async () => {
  const { clock, keys, state } = await aSource();
  const before = keys.current();
  await clock.advance(5 * minuteMs);
  expect(state.requests).toBe(2);
  expect(keys.current()).toBe(before);
});

it('fetches for an unknown key at most once in 30 seconds, whatever the number of tokens', async () => {
  const { clock, state, keys, has } = await aSource();
  await keys.lookForNewKeys();
  expect(state.requests).toBe(1);
  await clock.advance(30_000);
  state.response = 'a b';
  await Promise.all([keys.lookForNewKeys(), keys.lookForNewKeys()]);
  expect([has('b'), state.requests]).toEqual([true, 2]);
  for (let count = 0; count < 5; count += 1) await keys.lookForNewKeys();
  expect(state.requests).toBe(2);
});

it('is tried again within 15 seconds after a request for an unknown key has failed', async () => {
  const { clock, state, keys, has } = await aSource();
  await clock.advance(40_000);
  state.response = new Error('no answer');
  await keys.lookForNewKeys();
  state.response = 'a b';
  await clock.advance(15_000);
  expect([has('b'), state.requests]).toEqual([true, 3]);
  expect(state.results).toEqual(['fetched', 'failed', 'fetched']);
});

it('lets tokens wait for a request that is under way', async () => {
  const { clock, state, keys, has } = await aSource();
  await clock.advance(30_000);
  let respond: (text: string) => void = () => undefined;
  state.response = new Promise((resolve) => {
    respond = resolve;
  });
  const waits = [keys.lookForNewKeys(), keys.lookForNewKeys()];
  await flushPromises();
  respond('a b');
  await Promise.all(waits);
  expect([has('b'), state.requests]).toEqual([true, 2]);
});

it('keeps the last keys for an hour while the URL cannot be read, and logs that once', async () => {
  const { clock, state, keys, has } = await aSource();
  state.response = new Error('no answer');
  await clock.advance(60 * minuteMs);
  expect(has('a')).toBe(true);
  expect(state.lines).toEqual([
    'warn the keys of user tokens cannot be fetched: the last keys are valid for an hour no answer',
  ]);
  await clock.advance(minuteMs);
  expect(keys.current()).toBeUndefined();
  expect(state.lines.slice(1)).toEqual([
    'warn the keys of user tokens cannot be fetched: user tokens are refused as unavailable no answer',
  ]);
  state.response = 'b';
  await clock.advance(15_000);
  expect(has('b')).toBe(true);
  expect(state.lines.slice(2)).toEqual(['info the keys of user tokens are fetched again']);
});

it('starts without keys, and has them 15 seconds after the URL can be read', async () => {
  const { clock, state, keys, has } = await aSource(new Error('no answer'));
  expect(keys.current()).toBeUndefined();
  state.response = 'a';
  await clock.advance(15_000);
  expect(has('a')).toBe(true);
  expect(state.results).toEqual(['failed', 'fetched']);
});

it('keeps the last keys when a response has none, and uses the others when one is broken', async () => {
  const { clock, state, has } = await aSource();
  state.response = 'broken';
  await clock.advance(5 * minuteMs);
  expect(has('a')).toBe(true);
  expect(state.lines[0]).toContain('key 1 is broken');
  state.response = 'broken b';
  await clock.advance(15_000);
  expect([has('a'), has('b')]).toEqual([false, true]);
  expect(state.lines[1]).toBe('warn some keys of user tokens cannot be used key 1 is broken');
});

it('makes no request after its stop', async () => {
  const { clock, state, keys } = await aSource();
  keys.stop();
  await clock.advance(10 * minuteMs);
  expect(state.requests).toBe(1);
  expect(clock.pending).toBe(0);
});

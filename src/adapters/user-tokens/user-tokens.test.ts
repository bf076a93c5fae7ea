// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import {
  audience,
  inSeconds,
  issuer,
  newSigningKey,
  type SigningKey,
  signToken,
  toPublicKey,
} from '../../../test/support/user-tokens.ts';
import { type TokenKeySet, tokenKeySet } from '../../core/user-tokens/token-keys.ts';
import { createUserTokens } from './user-tokens.ts';

const key = newSigningKey('EdDSA', 'ed-1');
const otherKey = newSigningKey('EdDSA', 'ed-2');
const setOf = (...keys: SigningKey[]) => tokenKeySet(keys.map(toPublicKey));

/** A verification with keys and a clock that a test changes: its time stands still. */
function aVerification(options: { tokensMax?: number; pendingMax?: number } = {}) {
  const startMs = Date.now();
  const state = {
    keys: setOf(key) as TokenKeySet | undefined,
    newKeys: undefined as TokenKeySet | undefined,
    looks: 0,
    laterMs: 0,
    /** Ends the look for new keys. */
    found: Promise.resolve(),
    results: [] as string[],
  };
  const tokens = createUserTokens({
    ...{ issuer, audience, tokensMax: 100, pendingMax: 100, ...options },
    keys: {
      current: () => state.keys,
      async lookForNewKeys() {
        state.looks += 1;
        await state.found;
        state.keys = state.newKeys ?? state.keys;
      },
    },
    metrics: { tokenJudged: (result) => state.results.push(result) },
    dateMs: () => startMs + state.laterMs,
  });
  return { state, tokens };
}

it('remembers a verified token until it ends, with the leeway', async () => {
  const { state, tokens } = aVerification();
  const token = await signToken(key, { exp: inSeconds(60) });
  expect(tokens.remembered(token)).toBeUndefined();
  expect(await tokens.verify(token)).toEqual({ userId: 'ada' });
  expect(tokens.remembered(token)).toBe('ada');
  state.laterMs = 85_000;
  expect(tokens.remembered(token)).toBe('ada');
  state.laterMs = 91_000;
  expect(tokens.remembered(token)).toBeUndefined();
  expect(await tokens.verify(token)).toEqual({ refusal: 'expired' });
  expect(state.results).toEqual(['verified', 'remembered', 'remembered', 'expired']);
});

it('remembers no token that it refused, and none that differs in one character', async () => {
  const { tokens } = aVerification();
  const foreign = await signToken({ ...otherKey, id: key.id });
  expect(await tokens.verify(foreign)).toEqual({ refusal: 'bad_signature' });
  expect(tokens.remembered(foreign)).toBeUndefined();
  const token = await signToken(key);
  await tokens.verify(token);
  expect(tokens.remembered(`${token.slice(0, -1)}_`)).toBeUndefined();
});

it('forgets every token when the keys change', async () => {
  const { state, tokens } = aVerification();
  const token = await signToken(key);
  await tokens.verify(token);
  state.keys = setOf(otherKey);
  expect(tokens.remembered(token)).toBeUndefined();
  expect(await tokens.verify(token)).toEqual({ refusal: 'unknown_key' });
});

it('does not remember what was verified with keys that were replaced meanwhile', async () => {
  const { state, tokens } = aVerification();
  const token = await signToken(key);
  const verdict = tokens.verify(token);
  state.keys = setOf(otherKey);
  // Another request, with which the change is noticed.
  expect(tokens.remembered('other')).toBeUndefined();
  await verdict;
  expect(tokens.remembered(token)).toBeUndefined();
});

it('refuses tokens, remembered ones too, while there are no keys', async () => {
  const { state, tokens } = aVerification();
  const token = await signToken(key);
  await tokens.verify(token);
  state.keys = undefined;
  expect(tokens.remembered(token)).toBeUndefined();
  expect(await tokens.verify(token)).toEqual({ refusal: 'no_keys' });
});

it('forgets the token that was not used for longest', async () => {
  const { tokens } = aVerification({ tokensMax: 2 });
  const [a = '', b = '', c = ''] = await Promise.all(
    ['a', 'b', 'c'].map((sub) => signToken(key, { sub })),
  );
  await tokens.verify(a);
  await tokens.verify(b);
  expect(tokens.remembered(a)).toBe('a');
  await tokens.verify(c);
  expect([a, b, c].map((token) => tokens.remembered(token))).toEqual(['a', undefined, 'c']);
});

it('looks for new keys once for calls with the same unknown kid, and for no other token', async () => {
  const { state, tokens } = aVerification();
  await tokens.verify(await signToken(key));
  await tokens.verify('a.b.c');
  expect(state.looks).toBe(0);
  state.newKeys = setOf(key, otherKey);
  const token = await signToken(otherKey);
  const verdicts = await Promise.all([tokens.verify(token), tokens.verify(token)]);
  expect(verdicts).toEqual([{ userId: 'ada' }, { userId: 'ada' }]);
  expect(state.looks).toBe(1);
});

it('refuses tokens beyond the limit as overloaded, and shares the work for the same token', async () => {
  const { state, tokens } = aVerification({ pendingMax: 1 });
  const [first, second] = [await signToken(key), await signToken(key, { sub: 'eve' })];
  const verdicts = await Promise.all([first, first, second].map((token) => tokens.verify(token)));
  expect(verdicts).toEqual([{ userId: 'ada' }, { userId: 'ada' }, { refusal: 'overloaded' }]);
  expect(await tokens.verify(second)).toEqual({ userId: 'eve' });
  expect(state.results.filter((result) => result === 'verified')).toHaveLength(3);
});

it('keeps no place of other tokens for those that wait for an unknown key, and limits these too', async () => {
  const { state, tokens } = aVerification({ pendingMax: 1 });
  let find: () => void = () => undefined;
  state.found = new Promise((resolve) => {
    find = resolve;
  });
  const unknown = tokens.verify(await signToken(otherKey));
  const more = tokens.verify(await signToken(otherKey, { sub: 'eve' }));
  expect(await more).toEqual({ refusal: 'overloaded' });
  expect(await tokens.verify(await signToken(key))).toEqual({ userId: 'ada' });
  state.newKeys = setOf(key, otherKey);
  find();
  expect(await unknown).toEqual({ userId: 'ada' });
  expect(await tokens.verify(await signToken(otherKey, { sub: 'eve' }))).toEqual({ userId: 'eve' });
});

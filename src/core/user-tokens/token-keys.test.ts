// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { tokenKeySet } from './token-keys.ts';
import type { TokenAlgorithm, TokenKey } from './user-tokens.ts';

const aKey = (id: string | undefined, algorithm: TokenAlgorithm): TokenKey => ({
  ...{ id, algorithm },
  jwk: {},
});
const a = aKey('a', 'EdDSA');
const b = aKey('b', 'ES256');
const c = aKey('c', 'ES256');
const nameless = aKey(undefined, 'EdDSA');

it.each<[string, TokenKey[], [string | undefined, TokenAlgorithm], TokenKey[]]>([
  ['the named key', [a, b, c], ['b', 'ES256'], [b]],
  ['no named key of another algorithm', [a, b], ['a', 'ES256'], []],
  ['nothing for an unknown name', [a, b], ['x', 'ES256'], []],
  ['nothing for the name of a member of objects', [a, b], ['__proto__', 'EdDSA'], []],
  ['the keys without a name for an unknown name', [nameless, b], ['x', 'EdDSA'], [nameless]],
  ['only those of the algorithm', [nameless, b], ['x', 'RS256'], []],
  [
    'the keys without a name for a token without one',
    [a, nameless],
    [undefined, 'EdDSA'],
    [nameless],
  ],
  ['the only key of the algorithm for a token without a name', [a, b], [undefined, 'EdDSA'], [a]],
  ['nothing where several could be meant', [a, b, c], [undefined, 'ES256'], []],
])('finds %s', (_name, keys, [keyId, algorithm], found) => {
  expect(tokenKeySet(keys).candidates(keyId, algorithm)).toEqual(found);
});

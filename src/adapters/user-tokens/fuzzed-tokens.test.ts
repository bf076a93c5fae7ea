// SPDX-License-Identifier: GPL-3.0-or-later
/** Random texts and random changes of valid tokens are refused, whatever they are, and nothing throws. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  audience,
  inSeconds,
  issuer,
  newSigningKey,
  signToken,
  toPublicKey,
} from '../../../test/support/user-tokens.ts';
import { tokenKeySet } from '../../core/user-tokens/token-keys.ts';
import { createUserTokens } from './user-tokens.ts';

const keys = [
  newSigningKey('EdDSA', 'ed-1'),
  newSigningKey('ES256', 'es-1'),
  newSigningKey('RS256', 'rs-1'),
];
const keySet = tokenKeySet(keys.map(toPublicKey));
const tokens = createUserTokens({
  ...{ issuer, audience, tokensMax: 10, pendingMax: 10 },
  keys: { current: () => keySet, lookForNewKeys: async () => undefined },
  metrics: { tokenJudged: () => undefined },
  dateMs: () => Date.now(),
});
const valid = await Promise.all(keys.map((key) => signToken(key, { exp: inSeconds(3600) })));

/** One change of a text at a place, of which 1 is the end. */
type Change = { at: number; length: number; insert: string };

const character = fc.oneof(
  fc.constantFrom('.', '=', '-', '_', ' ', '\u0000', 'A', '{', '"'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
);
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 4 }),
  insert: fc.oneof(fc.constant(''), character),
});

function changed(token: string, { at, length, insert }: Change): string {
  const index = Math.floor(at * token.length);
  return token.slice(0, index) + insert + token.slice(index + length);
}

/** A JSON value in which any member that a token may have is of any kind. */
const anyClaims = fc.dictionary(
  fc.constantFrom('iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', '__proto__', 'constructor'),
  fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(issuer, audience, 'ada')),
);
const anyHeader = fc.dictionary(
  fc.constantFrom('alg', 'kid', 'typ', 'cty', 'crit', 'jku', 'jwk', 'b64', 'enc', 'zip'),
  fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('EdDSA', 'ES256', 'RS256', 'none', 'HS256', 'ed-1', 'es-1', 'JWT'),
  ),
);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

it('a valid token that is changed anywhere is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...valid), change, async (token, one) => {
      const text = changed(token, one);
      if (text === token) return;
      expect(tokens.remembered(text)).toBeUndefined();
      expect(await tokens.verify(text)).toHaveProperty('refusal');
    }),
    { numRuns: 500 },
  );
  for (const token of valid) expect(await tokens.verify(token)).toEqual({ userId: 'ada' });
});

it('any header and any claims with any signature are refused', async () => {
  await fc.assert(
    fc.asyncProperty(anyHeader, anyClaims, fc.uint8Array(), async (header, claims, signature) => {
      const text = `${part(header)}.${part(claims)}.${Buffer.from(signature).toString('base64url')}`;
      expect(await tokens.verify(text)).toHaveProperty('refusal');
    }),
    { numRuns: 500 },
  );
});

it('any claims that are signed are refused, or those of a valid user', async () => {
  const [key] = keys as [(typeof keys)[number]];
  await fc.assert(
    fc.asyncProperty(anyClaims, async (claims) => {
      const given = { ...claims };
      const verdict = await tokens.verify(await signToken(key, given).catch(() => ''));
      if ('userId' in verdict) {
        expect(given.iss ?? issuer).toBe(issuer);
        expect(verdict.userId).toBe(given.sub ?? 'ada');
      }
    }),
    { numRuns: 300 },
  );
});

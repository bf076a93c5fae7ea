// SPDX-License-Identifier: GPL-3.0-or-later
/** An issuer of user tokens: its keys, the tokens that it signs, and the settings that accept them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JWTHeaderParameters, SignJWT } from 'jose';
import type { TokenAlgorithm, TokenKey } from '../../src/core/user-tokens/user-tokens.ts';

/** The issuer and the audience of every token that is meant to be valid. */
export const issuer = 'https://login.shop.example';
export const audience = 'firstcome';

/** A pair of keys of an issuer. */
export type SigningKey = {
  id: string;
  algorithm: TokenAlgorithm;
  secret: KeyObject;
  public: KeyObject;
};

/** A new pair of keys. */
export function newSigningKey(algorithm: TokenAlgorithm, id: string): SigningKey {
  const { privateKey, publicKey } =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { id, algorithm, secret: privateKey, public: publicKey };
}

/** The key as the JWK Set of an issuer has it. */
export function toJwk({ id, algorithm, public: key }: SigningKey): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' };
}

/** A JWK Set. */
export function toKeySet(keys: readonly SigningKey[]): string {
  return JSON.stringify({ keys: keys.map(toJwk) });
}

/** The key in PEM, without a name. */
export function toPem({ public: key }: SigningKey): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

/** Seconds since 1970, from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

/** Signs a token of a user that is valid for an hour, unless other members are given; undefined leaves one out. */
export function signToken(
  key: SigningKey,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const payload = { iss: issuer, aud: audience, sub: 'ada', exp: inSeconds(3600), ...claims };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: key.algorithm, kid: key.id, ...header } as JWTHeaderParameters)
    .sign(key.secret);
}

let fileCount = 0;

/** Writes a JWK Set or PEM to a new file in a folder, and returns the settings that accept the tokens of its keys. */
export function acceptTokens(folder: string, keys: string): Record<string, string> {
  fileCount += 1;
  const path = join(folder, `user-token-keys-${fileCount}`);
  writeFileSync(path, keys);
  return { USER_TOKEN_KEYS: path, ...accepted };
}

/** The settings besides the keys. */
export const accepted = { USER_TOKEN_ISSUER: issuer, USER_TOKEN_AUDIENCE: audience };

/** The key as the service uses it. */
export function toPublicKey(key: SigningKey): TokenKey {
  const { kty, crv, x, y, n, e } = key.public.export({ format: 'jwk' });
  const jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }));
  return { id: key.id, algorithm: key.algorithm, jwk };
}

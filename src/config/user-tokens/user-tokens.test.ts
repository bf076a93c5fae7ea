// SPDX-License-Identifier: GPL-3.0-or-later
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  accepted,
  newSigningKey,
  toJwk,
  toKeySet,
  toPem,
  toPublicKey,
} from '../../../test/support/user-tokens.ts';
import { ConfigError, loadConfig } from '../../config.ts';
import { namelessKeysMax, parseTokenKeys, tokenKeysMax } from './parse-token-keys.ts';

const eddsa = newSigningKey('EdDSA', 'ed-1');
const es256 = newSigningKey('ES256', 'es-1');
const rs256 = newSigningKey('RS256', 'rs-1');
const keySet = (...keys: unknown[]) => JSON.stringify({ keys });
const spki = { format: 'pem', type: 'spki' } as const;
const pkcs8 = { format: 'pem', type: 'pkcs8' } as const;

describe('the keys of user tokens', () => {
  it('are those of a JWK Set, with public members only', () => {
    const text = toKeySet([eddsa, es256, rs256]);
    const keys = [eddsa, es256, rs256].map(toPublicKey);
    expect(parseTokenKeys(text)).toEqual({ keys, problems: [] });
  });

  it('are those of a PEM file, without a name, also of the older label for RSA', () => {
    const pkcs1 = rs256.public.export({ format: 'pem', type: 'pkcs1' });
    const text = `login.shop.example\n${toPem(eddsa)}\n${toPem(es256)}${toPem(rs256)}${pkcs1}`;
    const { keys, problems } = parseTokenKeys(text);
    expect(problems).toEqual([]);
    expect(keys.map(({ id, algorithm }) => [id, algorithm])).toEqual([
      [undefined, 'EdDSA'],
      [undefined, 'ES256'],
      [undefined, 'RS256'],
      [undefined, 'RS256'],
    ]);
  });

  it('leave out keys with another purpose', () => {
    const text = keySet(
      { ...toJwk(rs256), use: 'enc' },
      { ...toJwk(es256), key_ops: ['sign'] },
      { ...toJwk(eddsa), key_ops: ['verify'] },
    );
    expect(parseTokenKeys(text)).toEqual({ keys: [toPublicKey(eddsa)], problems: [] });
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed448 = generateKeyPairSync('ed448');
  const x25519 = generateKeyPairSync('x25519');
  it.each<[string, string, string]>([
    ['a private JWK', keySet(eddsa.secret.export({ format: 'jwk' })), 'key 1 is a private key'],
    ['a shared secret', keySet({ kty: 'oct', k: 'c2VjcmV0' }), 'key 1 is a shared secret'],
    ['a weak RSA key', keySet(weak.publicKey.export({ format: 'jwk' })), 'is not one of Ed25519'],
    ['a P-384 key', keySet(p384.publicKey.export({ format: 'jwk' })), 'is not one of Ed25519'],
    ['an Ed448 key', keySet(ed448.publicKey.export({ format: 'jwk' })), 'is not one of Ed25519'],
    ['an RSA key with the exponent 1', keySet({ ...toJwk(rs256), e: 'AQ' }), 'is not one of'],
    ['a point that is not on the curve', keySet({ ...toJwk(es256), x: 'AA' }), 'is not one of'],
    ['another algorithm', keySet({ ...toJwk(rs256), alg: 'RS512' }), 'for the algorithm "RS512"'],
    ['a kid that is no text', keySet({ ...toJwk(eddsa), kid: 7 }), 'has a kid that is no text'],
    ['an empty kid', keySet({ ...toJwk(eddsa), kid: '' }), 'has a kid that is no text'],
    ['one kid twice', toKeySet([eddsa, { ...es256, id: 'ed-1' }]), 'two keys have the kid "ed-1"'],
    ['a key that is no object', keySet(null), 'key 1 is not an object'],
    ['no keys', keySet(), 'it has no public key'],
    ['no list', '{"keys":{}}', 'it has no list named keys'],
    ['broken JSON', '{"keys":', 'it is not valid JSON'],
    ['a private key in PEM', eddsa.secret.export(pkcs8).toString(), 'key 1 is a private key'],
    ['a weak RSA key in PEM', weak.publicKey.export(spki).toString(), 'is not one of Ed25519'],
    [
      'a key for encryption in PEM',
      x25519.publicKey.export(spki).toString(),
      'is not one of Ed25519',
    ],
    ['a certificate', toPem(eddsa).replaceAll('PUBLIC KEY', 'CERTIFICATE'), 'labelled CERTIFICATE'],
    ['broken PEM', toPem(eddsa).replace('MCow', 'AAAA'), 'is not one of Ed25519'],
    ['something else', 'ssh-ed25519 AAAA', 'it is neither a JWK Set nor PEM'],
    ['nothing', '', 'it is neither a JWK Set nor PEM'],
  ])('may not be %s', (_name, text, problem) => {
    expect(parseTokenKeys(text).problems.join('\n')).toContain(problem);
  });

  it('are limited in number', () => {
    const many = Array.from({ length: tokenKeysMax + 1 }, (_, index) => ({
      ...toJwk(eddsa),
      kid: `k${index}`,
    }));
    const found = parseTokenKeys(keySet(...many));
    expect(found.keys).toHaveLength(tokenKeysMax);
    expect(found.problems).toEqual([`it has more than ${tokenKeysMax} keys`]);
    const nameless = parseTokenKeys(toPem(eddsa).repeat(namelessKeysMax + 1));
    expect(nameless.keys).toHaveLength(namelessKeysMax);
    expect(nameless.problems).toHaveLength(1);
  });
});

describe('the settings of user tokens', () => {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-token-settings-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const set = file('set.json', toKeySet([eddsa]));
  const mistakesOf = (env: Record<string, string>) => {
    try {
      loadConfig(env);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.mistakes;
      throw error;
    }
  };

  it.each([
    { USER_TOKEN_KEYS: set },
    { USER_TOKEN_KEYS: file('keys.pem', toPem(eddsa)) },
    { USER_TOKEN_JWKS: set },
    { USER_TOKEN_JWKS: 'https://login.shop.example/jwks.json' },
    { USER_TOKEN_JWKS: 'http://127.0.0.1:9000/jwks.json' },
    { USER_TOKEN_JWKS: 'http://localhost/jwks.json' },
    { USER_TOKEN_JWKS: 'http://[::1]:80/jwks.json' },
  ])('can be %j', (env) => {
    expect(mistakesOf({ ...env, ...accepted })).toEqual([]);
  });

  it.each([
    'http://login.shop.example/jwks.json',
    'http://127.0.0.1.evil.example/jwks.json',
    'http://localhost@evil.example/',
    'https://user:secret@login.shop.example/',
    'https://login.shop.example/#keys',
    'file:///etc/keys',
    'https://',
  ])('name no keys by %s', (url) => {
    const [mistake = '', ...others] = mistakesOf({ USER_TOKEN_JWKS: url, ...accepted });
    expect(mistake).toContain('USER_TOKEN_JWKS must be the path of a file, or an https URL');
    expect(mistake).not.toContain('secret');
    expect(others).toEqual([]);
  });

  it('need issuer and audience with keys, and keys with these', () => {
    expect(mistakesOf({ USER_TOKEN_KEYS: set })).toEqual([
      'USER_TOKEN_KEYS needs USER_TOKEN_ISSUER: otherwise a token with any iss would be accepted',
      'USER_TOKEN_KEYS needs USER_TOKEN_AUDIENCE: otherwise a token with any aud would be accepted',
    ]);
    expect(mistakesOf({ ...accepted, USER_TOKEN_MAY_CONFIRM: 'true' })).toEqual(
      ['ISSUER', 'AUDIENCE', 'MAY_CONFIRM'].map(
        (name) =>
          `USER_TOKEN_${name} needs USER_TOKEN_KEYS or USER_TOKEN_JWKS: without keys no user token is accepted`,
      ),
    );
  });

  it('have one source of keys', () => {
    const both = { USER_TOKEN_KEYS: set, USER_TOKEN_JWKS: set, ...accepted };
    expect(mistakesOf(both)).toEqual([
      'USER_TOKEN_KEYS and USER_TOKEN_JWKS are both set, but only one of them may be',
    ]);
  });

  it('show every mistake at once, in all keys of the file too', () => {
    const keys = file(
      'bad.json',
      keySet({ kty: 'oct', k: 'AA' }, { ...toJwk(rs256), alg: 'RS384' }),
    );
    expect(mistakesOf({ USER_TOKEN_KEYS: keys, PORT: 'x' })).toEqual([
      expect.stringContaining('PORT'),
      expect.stringContaining('USER_TOKEN_ISSUER'),
      expect.stringContaining('USER_TOKEN_AUDIENCE'),
      expect.stringMatching(/^USER_TOKEN_KEYS: key 1 is a shared secret/),
      expect.stringMatching(/^USER_TOKEN_KEYS: key 2 is for the algorithm "RS384"/),
    ]);
  });

  it('name a file that can be read, and is not too large', () => {
    const missing = join(folder, 'missing');
    expect(mistakesOf({ USER_TOKEN_KEYS: missing, ...accepted })[0]).toContain('no such file');
    const large = file('large', ' '.repeat(300_000));
    expect(mistakesOf({ USER_TOKEN_KEYS: large, ...accepted })[0]).toContain('over 262144 bytes');
    const pem = file('as-set.pem', toPem(eddsa));
    expect(mistakesOf({ USER_TOKEN_JWKS: pem, ...accepted })[0]).toContain('it is no JWK Set');
  });

  it('end the warning that anybody can claim for anybody', () => {
    const reachable = { HOST: '0.0.0.0', ALLOW_ANONYMOUS_ADMIN: 'true' };
    const warned = (env: Record<string, string>) =>
      loadConfig(env).warnings.some((line) => line.includes('can claim in any user'));
    expect(warned(reachable)).toBe(true);
    expect(warned({ ...reachable, USER_TOKEN_KEYS: set, ...accepted })).toBe(false);
  });
});

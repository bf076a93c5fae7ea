// SPDX-License-Identifier: GPL-3.0-or-later
/** Tokens that no service may accept. */
import { createHmac, type KeyObject, sign } from 'node:crypto';
import {
  audience,
  inSeconds,
  issuer,
  newSigningKey,
  type SigningKey,
  signToken,
  toJwk,
  toPem,
} from './user-tokens.ts';

/** The keys that the service knows, and one that it does not know. */
export type AttackKeys = Record<'eddsa' | 'es256' | 'rs256' | 'foreign', SigningKey>;

/** New keys. The foreign one has the name of a known one. */
export function attackKeys(): AttackKeys {
  return {
    eddsa: newSigningKey('EdDSA', 'ed-1'),
    es256: newSigningKey('ES256', 'es-1'),
    rs256: newSigningKey('RS256', 'rs-1'),
    foreign: newSigningKey('EdDSA', 'ed-1'),
  };
}

const base64url = (text: string | Buffer) => Buffer.from(text).toString('base64url');
const secondsOfDay = 86_400;

/** A compact token of any texts. `secret` signs as the algorithm of its kind. */
export function rawToken(
  header: string | Buffer,
  payload: string | Buffer,
  secret: KeyObject | ((input: string) => Buffer),
): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  const signature = typeof secret === 'function' ? secret(input) : signatureOf(input, secret);
  return `${input}.${base64url(signature)}`;
}

function signatureOf(input: string, key: KeyObject): Buffer {
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
}

/** Makes a token. */
type Attack = (keys: AttackKeys) => string | Promise<string>;

const valid = () => ({ iss: issuer, aud: audience, sub: 'ada', exp: inSeconds(300) });
const headerOf = (key: SigningKey) => ({ alg: key.algorithm, kid: key.id });
const withClaims =
  (claims: Record<string, unknown>): Attack =>
  ({ eddsa }) =>
    signToken(eddsa, claims);
const withHeader =
  (header: Record<string, unknown>): Attack =>
  ({ eddsa }) =>
    signWithHeader(eddsa, header);

/** The library that signs refuses some headers, so these are signed here. */
function signWithHeader(key: SigningKey, header: Record<string, unknown>): string {
  const text = JSON.stringify({ ...headerOf(key), ...header });
  return rawToken(text, JSON.stringify(valid()), key.secret);
}

/** A payload of any text, signed correctly. */
const withPayload =
  (payload: string | Buffer): Attack =>
  ({ eddsa }) =>
    rawToken(JSON.stringify(headerOf(eddsa)), payload, eddsa.secret);

/** A header of any text, signed correctly. */
const withHeaderText =
  (text: (kid: string) => string | Buffer): Attack =>
  ({ eddsa }) =>
    rawToken(text(eddsa.id), JSON.stringify(valid()), eddsa.secret);

/** A change of the text of a valid token. */
const changed =
  (change: (parts: [string, string, string]) => string): Attack =>
  async ({ eddsa }) =>
    change((await signToken(eddsa)).split('.') as [string, string, string]);

const hmac = (algorithm: 'sha256' | 'sha512', secret: string | Buffer) => (input: string) =>
  createHmac(algorithm, secret).update(input).digest();

const algorithms: Record<string, Attack> = {
  'no algorithm, no signature': () =>
    `${base64url('{"alg":"none"}')}.${base64url(JSON.stringify(valid()))}.`,
  'alg none with a signature': ({ eddsa }) => signWithHeader(eddsa, { alg: 'none' }),
  'alg None': ({ eddsa }) => signWithHeader(eddsa, { alg: 'None' }),
  'alg NONE and an empty signature': () =>
    `${base64url('{"alg":"NONE"}')}.${base64url(JSON.stringify(valid()))}.`,
  'alg nOnE of two parts': () =>
    `${base64url('{"alg":"nOnE"}')}.${base64url(JSON.stringify(valid()))}`,
  'no alg at all': withHeader({ alg: undefined }),
  'alg null': withHeader({ alg: null }),
  'alg as a number': withHeader({ alg: 256 }),
  'alg as a list': withHeader({ alg: ['EdDSA'] }),
  'alg in lower case': withHeader({ alg: 'eddsa' }),
  'alg empty': withHeader({ alg: '' }),
  'HS256 with the RSA key as its secret, in PEM': ({ rs256 }) =>
    rawToken(
      `{"alg":"HS256","kid":"${rs256.id}"}`,
      JSON.stringify(valid()),
      hmac('sha256', toPem(rs256)),
    ),
  'HS256 with the RSA key as its secret, in DER': ({ rs256 }) =>
    rawToken(
      `{"alg":"HS256","kid":"${rs256.id}"}`,
      JSON.stringify(valid()),
      hmac('sha256', rs256.public.export({ format: 'der', type: 'spki' })),
    ),
  'HS256 with the JWK as its secret': ({ eddsa }) =>
    rawToken(
      `{"alg":"HS256","kid":"${eddsa.id}"}`,
      JSON.stringify(valid()),
      hmac('sha256', JSON.stringify(toJwk(eddsa))),
    ),
  'HS512 with an empty secret': () =>
    rawToken('{"alg":"HS512"}', JSON.stringify(valid()), hmac('sha512', '')),
  'RS256 that an HMAC with the RSA key signs': ({ rs256 }) =>
    rawToken(
      JSON.stringify(headerOf(rs256)),
      JSON.stringify(valid()),
      hmac('sha256', toPem(rs256)),
    ),
  'RS512 with a known RSA key': ({ rs256 }) =>
    rawToken(`{"alg":"RS512","kid":"${rs256.id}"}`, JSON.stringify(valid()), (input) =>
      sign('sha512', Buffer.from(input), rs256.secret),
    ),
  'PS256 with a known RSA key': ({ rs256 }) =>
    rawToken(`{"alg":"PS256","kid":"${rs256.id}"}`, JSON.stringify(valid()), rs256.secret),
  'RS256 with the name of an Ed25519 key': ({ rs256, eddsa }) =>
    rawToken(`{"alg":"RS256","kid":"${eddsa.id}"}`, JSON.stringify(valid()), rs256.secret),
  'EdDSA with the name of an RSA key': ({ rs256, eddsa }) =>
    rawToken(`{"alg":"EdDSA","kid":"${rs256.id}"}`, JSON.stringify(valid()), eddsa.secret),
  'ES256 that an Ed25519 key signs': ({ es256, eddsa }) =>
    rawToken(JSON.stringify(headerOf(es256)), JSON.stringify(valid()), eddsa.secret),
  'Ed25519 as the name of EdDSA': withHeader({ alg: 'Ed25519' }),
};

const signatures: Record<string, Attack> = {
  'the signature of a foreign key': ({ foreign }) => signToken(foreign),
  'the signature of another payload': async ({ eddsa }) => {
    const [, , signature] = (await signToken(eddsa, { sub: 'ada' })).split('.');
    const [head, payload] = (await signToken(eddsa, { sub: 'eve' })).split('.');
    return `${head}.${payload}.${signature}`;
  },
  'a signature of zeros': changed(([head, payload]) => `${head}.${payload}.${'A'.repeat(86)}`),
  'a signature that is cut': changed(
    ([head, payload, end]) => `${head}.${payload}.${end.slice(4)}`,
  ),
  'a signature that is too long': changed(
    ([head, payload, end]) => `${head}.${payload}.AAAA${end}`,
  ),
  'a signature with one bit changed': changed(([head, payload, end]) => {
    const bytes = Buffer.from(end, 'base64url');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return `${head}.${payload}.${base64url(bytes)}`;
  }),
  'ES256 with r and s of zero': ({ es256 }) =>
    rawToken(JSON.stringify(headerOf(es256)), JSON.stringify(valid()), () => Buffer.alloc(64)),
  'ES256 with r and s of the order of the curve': ({ es256 }) => {
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    return rawToken(JSON.stringify(headerOf(es256)), JSON.stringify(valid()), () =>
      Buffer.from(order + order, 'hex'),
    );
  },
  'ES256 with a signature in DER': ({ es256 }) =>
    rawToken(JSON.stringify(headerOf(es256)), JSON.stringify(valid()), (input) =>
      sign('sha256', Buffer.from(input), { key: es256.secret, dsaEncoding: 'der' }),
    ),
  'RS256 with a signature of zeros': ({ rs256 }) =>
    rawToken(JSON.stringify(headerOf(rs256)), JSON.stringify(valid()), () => Buffer.alloc(256)),
  'RS256 with a signature of one byte': ({ rs256 }) =>
    rawToken(JSON.stringify(headerOf(rs256)), JSON.stringify(valid()), () => Buffer.alloc(1, 1)),
};

const forms: Record<string, Attack> = {
  'a word': () => 'token',
  'an empty signature': changed(([head, payload]) => `${head}.${payload}.`),
  'two dots': () => '..',
  'only a header': changed(([head]) => head),
  'a detached payload': changed(([head, , end]) => `${head}..${end}`),
  'four parts': changed((parts) => [...parts, 'AAAA'].join('.')),
  'five parts, as an encrypted token has': changed(([head, payload, end]) =>
    [head, 'AAAA', payload, 'AAAA', end].join('.'),
  ),
  'an encrypted token': () =>
    [base64url('{"alg":"dir","enc":"A256GCM"}'), '', 'AAAA', 'AAAA', 'AAAA'].join('.'),
  'JSON serialization': ({ eddsa }) =>
    JSON.stringify({
      payload: base64url(JSON.stringify(valid())),
      protected: base64url(JSON.stringify(headerOf(eddsa))),
      signature: 'AAAA',
    }),
  'padding behind its parts': changed(([head, payload, end]) => `${head}.${payload}.${end}==`),
  'bits that are left over': changed(([head, payload, end]) => {
    const last = end.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = alphabet[alphabet.indexOf(last) ^ 1];
    return `${head}.${payload}.${end.slice(0, -1)}${next}`;
  }),
  'a space inside': changed(([head, payload, end]) => `${head}. ${payload}.${end}`),
  'another token behind a comma': changed((parts) => `${parts.join('.')},${parts.join('.')}`),
  'more than 8 KiB': ({ eddsa }) => signToken(eddsa, { more: 'x'.repeat(8000) }),
  'a header that is no JSON': withHeaderText(() => 'alg=EdDSA'),
  'a header that is a list': withHeaderText(() => '["EdDSA"]'),
  'a header of null': withHeaderText(() => 'null'),
  'a header with two alg': withHeaderText((kid) => `{"alg":"none","alg":"EdDSA","kid":"${kid}"}`),
  'a header with two kid': withHeaderText((kid) => `{"alg":"EdDSA","kid":"x","kid":"${kid}"}`),
  'a header with alg twice, once escaped': withHeaderText(
    (kid) => `{"\\u0061lg":"none","alg":"EdDSA","kid":"${kid}"}`,
  ),
  'a header with __proto__': withHeaderText(
    (kid) => `{"alg":"EdDSA","kid":"${kid}","__proto__":{"alg":"none"}}`,
  ),
  'a header that is not UTF-8': withHeaderText((kid) =>
    Buffer.concat([
      Buffer.from(`{"alg":"EdDSA","kid":"${kid}","x":"`),
      Buffer.from([0xff, 0x22, 0x7d]),
    ]),
  ),
  'a header with a byte order mark': withHeaderText(
    (kid) => `\ufeff{"alg":"EdDSA","kid":"${kid}"}`,
  ),
  'a header that is deeply nested': withHeaderText(
    (kid) => `{"alg":"EdDSA","kid":"${kid}","x":${'['.repeat(2000)}${']'.repeat(2000)}}`,
  ),
  'a payload that is no JSON': withPayload('sub=ada'),
  'a payload that is a list': withPayload('[]'),
  'a payload that is a text': withPayload('"ada"'),
  'a payload of null': withPayload('null'),
  'an empty payload': withPayload(' '),
  'a token as its payload': async (keys) => withPayload(await signToken(keys.eddsa))(keys),
  'a token as its payload, with cty': async ({ eddsa }) =>
    rawToken(
      JSON.stringify({ ...headerOf(eddsa), cty: 'JWT' }),
      await signToken(eddsa),
      eddsa.secret,
    ),
  'a payload with two sub': withPayload(JSON.stringify(valid()).replace('{', '{"sub":"eve",')),
  'a payload with __proto__': withPayload(
    JSON.stringify(valid()).replace('{', '{"__proto__":{"sub":"eve"},'),
  ),
  'claims that only a prototype has': withPayload(`{"__proto__":${JSON.stringify(valid())}}`),
  'a payload that is not UTF-8': ({ eddsa }) =>
    rawToken(
      JSON.stringify(headerOf(eddsa)),
      Buffer.concat([
        Buffer.from(JSON.stringify(valid()).replace('"ada"}', '"')),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"}'),
      ]),
      eddsa.secret,
    ),
};

const headers: Record<string, Attack> = {
  'the key of the attacker as jwk': ({ foreign }) =>
    signWithHeader(foreign, { kid: undefined, jwk: toJwk(foreign) }),
  'the key of the attacker as jwk with a known kid': ({ foreign }) =>
    signWithHeader(foreign, { jwk: toJwk(foreign) }),
  'a jku of the attacker': ({ foreign }) =>
    signWithHeader(foreign, { kid: 'evil', jku: 'http://127.0.0.1:9/keys' }),
  'an x5u of the attacker': ({ foreign }) =>
    signWithHeader(foreign, { x5u: 'http://127.0.0.1:9/certificate' }),
  'an x5c of the attacker': ({ foreign }) => signWithHeader(foreign, { x5c: ['AAAA'] }),
  'an unknown kid': withHeader({ kid: 'unknown' }),
  'a kid that is a path': withHeader({ kid: '../../../../dev/null' }),
  'a kid that is SQL': withHeader({ kid: "x' union select 'key" }),
  'a kid of a prototype': withHeader({ kid: '__proto__' }),
  'a kid that every object has': withHeader({ kid: 'constructor' }),
  'a kid as a number': withHeader({ kid: 1 }),
  'a kid as a list': withHeader({ kid: ['ed-1'] }),
  'a kid of null': withHeader({ kid: null }),
  'an empty kid': withHeader({ kid: '' }),
  'a kid of 4,000 characters': withHeader({ kid: 'k'.repeat(4000) }),
  'a kid with a NUL': withHeader({ kid: 'ed-1\u0000' }),
  'an extension that must be understood': withHeader({ crit: ['exp'], exp: inSeconds(300) }),
  'an unencoded payload': withHeader({ b64: false, crit: ['b64'] }),
  'an empty crit': withHeader({ crit: [] }),
  'a crit that is no list': withHeader({ crit: 'exp' }),
  'the type of a logout token': withHeader({ typ: 'logout+jwt' }),
  'the type of a proof of possession': withHeader({ typ: 'dpop+jwt' }),
  'a payload that is called a token': withHeader({ cty: 'JWT' }),
  'a type that is no text': withHeader({ typ: ['JWT'] }),
};

const claims: Record<string, Attack> = {
  'no claims': withPayload('{}'),
  'no exp': withClaims({ exp: undefined }),
  'an exp that is over': withClaims({ exp: inSeconds(-60) }),
  'an exp of 0': withClaims({ exp: 0 }),
  'a negative exp': withClaims({ exp: -1 }),
  'an exp as a text': withClaims({ exp: String(inSeconds(300)) }),
  'an exp as a date': withClaims({ exp: new Date(Date.now() + 300_000).toISOString() }),
  'an exp in milliseconds': withClaims({ exp: Date.now() + 300_000 }),
  'an exp as a fraction that is over': withClaims({ exp: inSeconds(-60) + 0.5 }),
  'an exp beyond every calendar': withClaims({ exp: 1e300 }),
  'an exp beyond every number': withPayload(
    JSON.stringify(valid()).replace(/"exp":\d+/, '"exp":1e999'),
  ),
  'an exp of null': withClaims({ exp: null }),
  'an exp of true': withClaims({ exp: true }),
  'an exp as a list': withClaims({ exp: [inSeconds(300)] }),
  'an nbf of tomorrow': withClaims({ nbf: inSeconds(secondsOfDay) }),
  'an nbf as a text': withClaims({ nbf: '0' }),
  'an iat of tomorrow': withClaims({ iat: inSeconds(secondsOfDay) }),
  'an iat as a text': withClaims({ iat: 'now' }),
  'a negative iat': withClaims({ iat: -5 }),
  'no iss': withClaims({ iss: undefined }),
  'another iss': withClaims({ iss: 'https://evil.example' }),
  'an iss with a slash more': withClaims({ iss: `${issuer}/` }),
  'an iss in capitals': withClaims({ iss: issuer.toUpperCase() }),
  'an iss as a list': withClaims({ iss: [issuer] }),
  'no aud': withClaims({ aud: undefined }),
  'the aud of another service': withClaims({ aud: 'payments' }),
  'a list of other aud': withClaims({ aud: ['payments', `${audience}-test`] }),
  'an empty list of aud': withClaims({ aud: [] }),
  'an aud that is part of the right one': withClaims({ aud: audience.slice(0, -1) }),
  'an aud as an object': withClaims({ aud: { [audience]: true } }),
  'no sub': withClaims({ sub: undefined }),
  'an empty sub': withClaims({ sub: '' }),
  'a sub as a number': withClaims({ sub: 7 }),
  'a sub of null': withClaims({ sub: null }),
  'a sub as a list': withClaims({ sub: ['ada'] }),
  'a sub of one dot': withClaims({ sub: '.' }),
  'a sub of two dots': withClaims({ sub: '..' }),
  'a sub with a NUL': withClaims({ sub: 'ada\u0000' }),
  'a sub with a line break': withClaims({ sub: 'ada\nadmin' }),
  'a sub with half a character': withPayload(JSON.stringify(valid()).replace('"ada"', '"\\ud800"')),
  'a sub of 256 characters': withClaims({ sub: 'a'.repeat(256) }),
};

const isMalformed = /neither a valid key nor a signed token/;
const hasNoSignature = /no known key can verify|signature of the token is not valid/;
const hasWrongClaims = /claim of the token|has expired|not valid yet/;

/** Every attack by its name, and what the refusal says: one for another reason would show nothing. */
export const attacks: Record<string, { make: Attack; detail: RegExp }> = {
  ...refusedAs(algorithms, [isMalformed, hasNoSignature]),
  ...refusedAs(signatures, [hasNoSignature]),
  ...refusedAs(forms, [isMalformed]),
  ...refusedAs(headers, [isMalformed, hasNoSignature]),
  ...refusedAs(claims, [hasWrongClaims]),
};

function refusedAs(group: Record<string, Attack>, details: RegExp[]) {
  const detail = new RegExp(details.map(({ source }) => source).join('|'));
  return Object.fromEntries(Object.entries(group).map(([name, make]) => [name, { make, detail }]));
}

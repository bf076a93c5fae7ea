// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the public keys of user tokens: a JWK Set, or PEM. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type {
  ParsedTokenKeys,
  TokenAlgorithm,
  TokenKey,
} from '../../core/user-tokens/user-tokens.ts';

/** Keys of one file or URL. A token of one algorithm without a `kid` may be checked with several of them. */
export const tokenKeysMax = 32;

/** Keys of one algorithm without a `kid`: each token is checked with all of them. */
export const namelessKeysMax = 4;

const rsaBitsMin = 2048;
const rsaBitsMax = 8192;
const keyIdLengthMax = 255;
const allowedKinds = 'Ed25519, P-256, or RSA of 2048 to 8192 bits';

type Parsed = { key: TokenKey } | { problem: string } | undefined;

/** Reads all keys that can be used, and says of each other one why it cannot. Without a usable key there is a problem. */
export function parseTokenKeys(text: string): ParsedTokenKeys {
  const parsed = text.trimStart().startsWith('{') ? parseKeySet(text) : parsePem(text);
  const problems = parsed.flatMap((one) =>
    one !== undefined && 'problem' in one ? one.problem : [],
  );
  const keys: TokenKey[] = [];
  for (const one of parsed) {
    if (one === undefined || !('key' in one)) continue;
    const problem = problemBeside(keys, one.key);
    if (problem === undefined) keys.push(one.key);
    else problems.push(problem);
  }
  if (keys.length === 0 && problems.length === 0) problems.push('it has no public key');
  return { keys, problems };
}

/** Why a key cannot be used beside those before it. */
function problemBeside(keys: readonly TokenKey[], { id, algorithm }: TokenKey): string | undefined {
  if (keys.length === tokenKeysMax) return `it has more than ${tokenKeysMax} keys`;
  if (id !== undefined) {
    return keys.some((key) => key.id === id)
      ? `two keys have the kid ${JSON.stringify(id)}`
      : undefined;
  }
  const nameless = keys.filter((key) => key.id === undefined && key.algorithm === algorithm);
  return nameless.length === namelessKeysMax
    ? `it has more than ${namelessKeysMax} keys for ${algorithm} without a kid`
    : undefined;
}

function parseKeySet(text: string): Parsed[] {
  let keys: unknown;
  try {
    keys = JSON.parse(text).keys;
  } catch {
    return [{ problem: 'it is not valid JSON' }];
  }
  if (!Array.isArray(keys)) return [{ problem: 'it is no JWK Set: it has no list named keys' }];
  return keys.map((jwk, index) => {
    const parsed = parseJwk(jwk);
    if (parsed === undefined || !('problem' in parsed)) return parsed;
    return { problem: `key ${index + 1} ${parsed.problem}` };
  });
}

/** Undefined for a key with another purpose, such as encryption. */
function parseJwk(jwk: unknown): Parsed {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    return { problem: 'is not an object' };
  }
  const { kid, kty, alg, use, key_ops: operations } = jwk as Record<string, unknown>;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  if (kty === 'oct' || 'k' in jwk) return { problem: 'is a shared secret; give public keys only' };
  if ('d' in jwk) return { problem: 'is a private key; give its public key' };
  const isKeyId = typeof kid === 'string' && kid.length >= 1 && kid.length <= keyIdLengthMax;
  if (kid !== undefined && !isKeyId) {
    return { problem: `has a kid that is no text of 1 to ${keyIdLengthMax} characters` };
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return { problem: `is not one of ${allowedKinds}` };
  }
  const parsed = toTokenKey(key, kid as string | undefined);
  if ('key' in parsed && alg !== undefined && alg !== parsed.key.algorithm) {
    return {
      problem: `is for the algorithm ${JSON.stringify(alg)}; its kind is used for ${parsed.key.algorithm} only`,
    };
  }
  return parsed;
}

function parsePem(text: string): Parsed[] {
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g) ?? [];
  if (blocks.length === 0) return [{ problem: 'it is neither a JWK Set nor PEM' }];
  return blocks.map((block, index) => {
    const parsed = parsePemBlock(block);
    return 'problem' in parsed ? { problem: `key ${index + 1} ${parsed.problem}` } : parsed;
  });
}

function parsePemBlock(block: string): { key: TokenKey } | { problem: string } {
  const [, label = ''] = /^-----BEGIN ([A-Z0-9 ]+)-----/.exec(block) ?? [];
  if (label.includes('PRIVATE')) return { problem: 'is a private key; give its public key' };
  if (!label.endsWith('PUBLIC KEY')) {
    return { problem: `is labelled ${label}; give a PUBLIC KEY` };
  }
  try {
    return toTokenKey(createPublicKey(block), undefined);
  } catch {
    return { problem: `is not one of ${allowedKinds}` };
  }
}

function toTokenKey(
  key: KeyObject,
  id: string | undefined,
): { key: TokenKey } | { problem: string } {
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) return { problem: `is not one of ${allowedKinds}` };
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  // No other member of a foreign key is passed on.
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(
    ([, value]) => value !== undefined,
  );
  return { key: { id, algorithm, jwk: Object.fromEntries(members) as Record<string, string> } };
}

function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): TokenAlgorithm | undefined {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  // With the exponent 1 every text is a signature of itself.
  const isRsa = asymmetricKeyType === 'rsa' && publicExponent > 1n;
  return isRsa && modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax ? 'RS256' : undefined;
}

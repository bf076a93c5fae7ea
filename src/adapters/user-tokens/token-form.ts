// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks what a token says of itself, before any key is used. */
import { isUtf8 } from 'node:buffer';
import { membersInText, membersInValue } from '../../core/repeated-members.ts';
import { type TokenAlgorithm, tokenAlgorithms } from '../../core/user-tokens/user-tokens.ts';

/** The largest token, in bytes. */
export const tokenBytesMax = 8192;

const keyIdLengthMax = 255;
const depthMax = 16;
const compactForm = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
// Other kinds of tokens of an issuer, such as logout tokens and proofs of possession, have a type of their own.
const types = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/** What the head of a token says that its check needs. */
export type TokenHead = { algorithm: TokenAlgorithm; keyId: string | undefined };

/**
 * The head of a token; undefined if it is no signed token of the accepted form. Members that name or hold a key (`jku`, `jwk`,
 * `x5u`, `x5c`) are not used. Extensions that must be understood (`crit`) are refused, and so are nested tokens.
 */
export function readTokenHead(token: string): TokenHead | undefined {
  if (token.length > tokenBytesMax) return undefined;
  const [, head = '', payload = '', signature = ''] = compactForm.exec(token) ?? [];
  const header = readObject(head);
  if (header === undefined || readObject(payload) === undefined) return undefined;
  if (readBytes(signature) === undefined) return undefined;
  const { alg, kid, typ, cty, crit } = header;
  const algorithm = tokenAlgorithms.find((name) => name === alg);
  if (algorithm === undefined || crit !== undefined || cty !== undefined) return undefined;
  if (typ !== undefined && !(typeof typ === 'string' && types.has(typ.toLowerCase()))) {
    return undefined;
  }
  if (kid === undefined) return { algorithm, keyId: undefined };
  if (typeof kid !== 'string' || kid === '' || kid.length > keyIdLengthMax) return undefined;
  return { algorithm, keyId: kid };
}

/**
 * The object in a part of a token. Refuses repeated members, of which another reader may take the other one, `__proto__`,
 * deep nesting, and bytes that are not UTF-8.
 */
function readObject(part: string): Record<string, unknown> | undefined {
  const bytes = readBytes(part);
  if (bytes === undefined || !isUtf8(bytes)) return undefined;

  const text = bytes.toString('utf8');
  let value: unknown;
  let hasPrototype = false;
  try {
    value = JSON.parse(text, (name, member) => {
      hasPrototype ||= name === '__proto__';
      return member;
    });
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (hasPrototype || membersInValue(value, depthMax) !== membersInText(text)) return undefined;
  return value as Record<string, unknown>;
}

/** The bytes of a part; undefined unless it is their only encoding: the decoder skips bits that are left over. */
function readBytes(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return part !== '' && bytes.toString('base64url') === part ? bytes : undefined;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { pathTextRule } from '../../core/input-rules.ts';
import type { TokenKeySet } from '../../core/user-tokens/token-keys.ts';
import type { TokenKey, TokenRefusal } from '../../core/user-tokens/user-tokens.ts';
import type { TokenHead } from './token-form.ts';

/** Which tokens are accepted. */
export type TokenRules = {
  issuer: string;
  audience: string;
  /** The clock of this machine, in milliseconds since 1970. */
  dateMs(): number;
};

/** A verified token: its user, and when it ends, in seconds since 1970, with the leeway. */
export type VerifiedToken = { userId: string; endsAtSeconds: number };

const leewaySeconds = 30;
// The year 9999. A time in milliseconds is beyond it.
const secondsMax = 253_402_300_799;

/** Checks signature and claims of a token whose form is accepted. Never rejects. */
export async function verifyToken(
  token: string,
  head: TokenHead,
  keys: TokenKeySet,
  rules: TokenRules,
): Promise<VerifiedToken | TokenRefusal> {
  const candidates = keys.candidates(head.keyId, head.algorithm);
  let refusal: TokenRefusal = 'unknown_key';
  for (const key of candidates) {
    const result = await verifyWith(key, token, rules);
    if (result !== 'bad_signature') return result;
    refusal = result;
  }
  return refusal;
}

async function verifyWith(
  { jwk, algorithm }: TokenKey,
  token: string,
  { issuer, audience, dateMs }: TokenRules,
): Promise<VerifiedToken | TokenRefusal> {
  try {
    const { payload } = await jwtVerify(token, jwk, {
      ...{ algorithms: [algorithm], issuer, audience, currentDate: new Date(dateMs()) },
      ...{ clockTolerance: leewaySeconds, requiredClaims: ['exp', 'sub'] },
    });
    return checkedClaims(payload, dateMs() / 1000);
  } catch (error) {
    return refusalOf(error);
  }
}

/** What the library does not check: that times are times, and that the subject can be a user. */
function checkedClaims(
  { exp, iat, nbf, sub }: JWTPayload,
  nowSeconds: number,
): VerifiedToken | TokenRefusal {
  if (![exp, iat, nbf].every(isTimeOrAbsent) || exp === undefined) return 'wrong_claims';
  if (iat !== undefined && iat > nowSeconds + leewaySeconds) return 'not_yet_valid';
  if (!isUserId(sub)) return 'wrong_claims';
  return { userId: sub, endsAtSeconds: exp + leewaySeconds };
}

function isTimeOrAbsent(time: unknown): boolean {
  return time === undefined || (typeof time === 'number' && time >= 0 && time <= secondsMax);
}

const userIdPattern = new RegExp(pathTextRule.pattern, 'u');

function isUserId(text: unknown): text is string {
  if (typeof text !== 'string' || !userIdPattern.test(text)) return false;
  // A character is a code point, and no text is longer in code points than in code units.
  const length = text.length <= pathTextRule.maxLength ? text.length : [...text].length;
  const { minLength, maxLength, not } = pathTextRule;
  return length >= minLength && length <= maxLength && !not.enum.includes(text);
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === 'nbf' && error.reason === 'check_failed'
      ? 'not_yet_valid'
      : 'wrong_claims';
  }
  // A signature of another length, for example, is refused by the cryptography itself.
  return 'bad_signature';
}

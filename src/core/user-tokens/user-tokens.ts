// SPDX-License-Identifier: GPL-3.0-or-later
/** Tokens that users send themselves: signed by an issuer, verified here, with the user as their subject. */

/** The algorithms that may sign a token. */
export const tokenAlgorithms = ['EdDSA', 'ES256', 'RS256'] as const;

/** One of `tokenAlgorithms`. */
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** A public key. It verifies one algorithm, whatever a token says. */
export type TokenKey = {
  /** The `kid` of the key; undefined for a key without a name, as in a PEM file. */
  id: string | undefined;
  algorithm: TokenAlgorithm;
  /** The public members of the key as a JWK. */
  jwk: Readonly<Record<string, string>>;
};

/** Keys, and a line about each one that cannot be used. */
export type ParsedTokenKeys = { keys: readonly TokenKey[]; problems: readonly string[] };

/** Why a token was not accepted. `no_keys` and `overloaded` say nothing about the token. */
export const tokenRefusals = [
  'malformed',
  'unknown_key',
  'bad_signature',
  'wrong_claims',
  'expired',
  'not_yet_valid',
  'no_keys',
  'overloaded',
] as const;

/** One of `tokenRefusals`. */
export type TokenRefusal = (typeof tokenRefusals)[number];

/** The user of a valid token, or why a token was not accepted. */
export type TokenVerdict = { userId: string } | { refusal: TokenRefusal };

/** Verifies tokens. */
export type UserTokens = {
  /**
   * The user of a token that was verified before and is still valid, else undefined. It costs a few microseconds and waits
   * for nothing.
   */
  remembered(token: string): string | undefined;
  /** Verifies a token; calls with the same token share the work. Never rejects. */
  verify(token: string): Promise<TokenVerdict>;
};

/** Counts tokens. `remembered`: it was verified before. */
export type UserTokenMetrics = {
  tokenJudged(result: 'verified' | 'remembered' | TokenRefusal): void;
  /** The JWK Set was requested from its URL. */
  tokenKeysFetched(result: 'fetched' | 'failed'): void;
};

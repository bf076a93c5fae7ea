// SPDX-License-Identifier: GPL-3.0-or-later
import { hash } from 'node:crypto';
import { OldestOut } from '../../core/oldest-out.ts';
import type { VerifiedToken } from './verify-token.ts';

/** Verified tokens by their digest, the least recently used one first: a token itself may be long, and is a secret. */
export class RememberedTokens {
  private readonly tokensMax: number;
  private tokens: OldestOut<VerifiedToken>;

  constructor(tokensMax: number) {
    this.tokensMax = tokensMax;
    this.tokens = new OldestOut(tokensMax);
  }

  get(digest: string, nowSeconds: number): VerifiedToken | undefined {
    const token = this.tokens.get(digest);
    if (token === undefined) return undefined;
    if (nowSeconds >= token.endsAtSeconds) {
      this.tokens.delete(digest);
      return undefined;
    }
    this.tokens.set(digest, token);
    return token;
  }

  add(digest: string, token: VerifiedToken): void {
    this.tokens.set(digest, token);
  }

  clear(): void {
    this.tokens = new OldestOut(this.tokensMax);
  }
}

/** The name under which a token is remembered. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

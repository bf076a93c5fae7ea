// SPDX-License-Identifier: GPL-3.0-or-later
/** Verifies tokens of users with `jose`, and remembers the verified ones until they expire or the keys change. */
import type { TokenKeySet, TokenKeySource } from '../../core/user-tokens/token-keys.ts';
import type {
  TokenRefusal,
  TokenVerdict,
  UserTokenMetrics,
  UserTokens,
} from '../../core/user-tokens/user-tokens.ts';
import { digestOf, RememberedTokens } from './remembered-tokens.ts';
import { readTokenHead } from './token-form.ts';
import { type TokenRules, type VerifiedToken, verifyToken } from './verify-token.ts';

/** What the verification needs. */
export type UserTokensOptions = TokenRules & {
  keys: TokenKeySource;
  metrics: Pick<UserTokenMetrics, 'tokenJudged'>;
  /** Tokens that are remembered. */
  tokensMax: number;
  /**
   * Tokens whose verification may be under way, and tokens that may wait for unknown keys besides them; one more of either
   * kind gets `overloaded`.
   */
  pendingMax: number;
};

/** Creates the verification. */
export function createUserTokens(options: UserTokensOptions): UserTokens {
  const { keys, metrics, dateMs, tokensMax, pendingMax } = options;
  const verified = new RememberedTokens(tokensMax);
  const pending = new Map<string, Promise<VerifiedToken | TokenRefusal>>();
  // Anyone can make up an unknown key. So tokens with one do not take the places of others while the keys are fetched.
  let waitingForKeys = 0;
  let usedKeys: TokenKeySet | undefined;

  /** The keys now. What older keys have verified is forgotten. */
  const currentKeys = () => {
    const current = keys.current();
    if (current !== usedKeys) {
      verified.clear();
      usedKeys = current;
    }
    return current;
  };
  const verify = async (token: string, digest: string) => {
    const head = readTokenHead(token);
    if (head === undefined) return 'malformed';
    let current = currentKeys();
    if (current?.candidates(head.keyId, head.algorithm).length === 0) {
      if (waitingForKeys >= pendingMax) return 'overloaded';
      waitingForKeys += 1;
      await keys.lookForNewKeys().finally(() => {
        waitingForKeys -= 1;
      });
      current = currentKeys();
    }
    if (current === undefined) return 'no_keys';
    const result = await verifyToken(token, head, current, options);
    // The keys may have changed meanwhile.
    if (typeof result === 'object' && current === currentKeys()) verified.add(digest, result);
    return result;
  };
  const verifyOnce = (token: string): Promise<VerifiedToken | TokenRefusal> => {
    const digest = digestOf(token);
    const shared = pending.get(digest);
    if (shared !== undefined) return shared;
    if (pending.size - waitingForKeys >= pendingMax) return Promise.resolve('overloaded');
    const result = verify(token, digest).finally(() => pending.delete(digest));
    pending.set(digest, result);
    return result;
  };

  return {
    remembered(token) {
      if (currentKeys() === undefined) return undefined;
      const found = verified.get(digestOf(token), dateMs() / 1000);
      if (found !== undefined) metrics.tokenJudged('remembered');
      return found?.userId;
    },
    async verify(token): Promise<TokenVerdict> {
      const result = await verifyOnce(token);
      metrics.tokenJudged(typeof result === 'object' ? 'verified' : result);
      return typeof result === 'object' ? { userId: result.userId } : { refusal: result };
    },
  };
}

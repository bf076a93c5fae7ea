// SPDX-License-Identifier: GPL-3.0-or-later
import type { TokenAlgorithm, TokenKey } from './user-tokens.ts';

/** Keys to look up. Another object after each change of the keys. */
export type TokenKeySet = {
  /** The keys that may have signed a token: none, one, or a few without a name. */
  candidates(keyId: string | undefined, algorithm: TokenAlgorithm): readonly TokenKey[];
};

/** Where the keys come from. */
export type TokenKeySource = {
  /** The keys now; undefined while there are none that may be used. */
  current(): TokenKeySet | undefined;
  /**
   * A token names a key that is unknown: looks for new keys, at most once in a while. Resolves when `current` has what there
   * is. Never rejects.
   */
  lookForNewKeys(): Promise<void>;
};

/**
 * Keys by name. A token that names a key gets this one, whatever its algorithm; a name that no key has means the keys
 * without a name. A token without a name gets these too, or else the only key of its algorithm.
 */
export function tokenKeySet(keys: readonly TokenKey[]): TokenKeySet {
  const byId = new Map<string, readonly TokenKey[]>();
  for (const key of keys) if (key.id !== undefined) byId.set(key.id, [key]);
  return {
    candidates(keyId, algorithm) {
      const named = keyId === undefined ? undefined : byId.get(keyId);
      if (named !== undefined) return named.filter((key) => key.algorithm === algorithm);
      const ofAlgorithm = keys.filter((key) => key.algorithm === algorithm);
      const nameless = ofAlgorithm.filter(({ id }) => id === undefined);
      if (nameless.length > 0 || keyId !== undefined) return nameless;
      return ofAlgorithm.length === 1 ? ofAlgorithm : [];
    },
  };
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds out whose key a request carries. */
import { hash, timingSafeEqual } from 'node:crypto';

/** Whose key a request carries. The keys named `next` replace those before them. */
export type KeyCaller = 'anonymous' | 'claim' | 'claim-next' | 'admin' | 'admin-next' | 'viewer';

/** Who sends a request: the holder of a key, or a user with a token. */
export type Caller = KeyCaller | 'user';

/** The keys that callers send. One that is missing or undefined is not set. */
export type ApiKeys = {
  readonly [Name in (typeof keyCallers)[number][0]]?: string | undefined;
};

// In the order of the comparisons. Claims are the most frequent calls.
const keyCallers = [
  ['claimApiKey', 'claim'],
  ['claimApiKeyNext', 'claim-next'],
  ['adminApiKey', 'admin'],
  ['adminApiKeyNext', 'admin-next'],
  ['viewerApiKey', 'viewer'],
] as const;

type KnownKey = { caller: KeyCaller; digest: Buffer };

const scheme = 'bearer ';

/** What an `Authorization: Bearer` header carries; undefined for any other header. */
export function bearerOf(header: string | undefined): string | undefined {
  if (header?.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  return header.slice(scheme.length).trim();
}

/**
 * Returns a function that finds the caller of what `bearerOf` returns. It compares digests in constant time. The digests
 * of the keys are computed again only when `keys` returns another object.
 */
export function keyFinder(keys: () => ApiKeys): (bearer: string | undefined) => KeyCaller {
  let source: ApiKeys | undefined;
  let known: KnownKey[] = [];
  return (bearer) => {
    if (bearer === undefined) return 'anonymous';
    const current = keys();
    if (source !== current) {
      source = current;
      known = knownKeys(current);
    }
    const sent = digestOf(bearer);
    for (const { caller, digest } of known) {
      if (timingSafeEqual(sent, digest)) return caller;
    }
    return 'anonymous';
  };
}

function knownKeys(keys: ApiKeys): KnownKey[] {
  return keyCallers.flatMap(([name, caller]) => {
    const key = keys[name];
    return key === undefined ? [] : [{ caller, digest: digestOf(key) }];
  });
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

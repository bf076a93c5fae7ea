// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds out whose key a request carries. */
import { hash, timingSafeEqual } from 'node:crypto';

/** Whose key a request carries. The keys named `next` replace those before them. */
export type Caller = 'anonymous' | 'claim' | 'claim-next' | 'admin' | 'admin-next' | 'viewer';

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

type KnownKey = { caller: Caller; digest: Buffer };

const scheme = 'bearer ';

/**
 * Returns a function that finds the caller of an `Authorization` header. It compares digests in constant time. The digests
 * of the keys are computed again only when `keys` returns another object.
 */
export function keyFinder(keys: () => ApiKeys): (header: string | undefined) => Caller {
  let source: ApiKeys | undefined;
  let known: KnownKey[] = [];
  return (header) => {
    if (header === undefined) return 'anonymous';
    if (header.slice(0, scheme.length).toLowerCase() !== scheme) return 'anonymous';
    const current = keys();
    if (source !== current) {
      source = current;
      known = knownKeys(current);
    }
    const sent = digestOf(header.slice(scheme.length).trim());
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

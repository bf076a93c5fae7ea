// SPDX-License-Identifier: GPL-3.0-or-later

/** No view is older, whatever a request accepts: 60 seconds. */
export const acceptedAgeMsMax = 60_000;

/**
 * How old the response may be, in milliseconds, by the `Cache-Control` of its request (RFC 9111, 5.2.1): 0 for a fresh read,
 * and always 0 without a cache. `max-age` overrides the default, also where it is longer. Of several directives the strictest counts. Those that are
 * unknown or malformed are ignored.
 */
export function acceptedAgeMs(
  cacheControl: string | undefined,
  cache: { maxAgeMs: number } | undefined,
): number {
  if (cache === undefined) return 0;
  const { maxAgeMs: defaultMs } = cache;
  if (cacheControl === undefined) return defaultMs;
  let maxAgeMs: number | undefined;
  for (const directive of cacheControl.toLowerCase().split(',')) {
    const [name = '', value] = directive.trim().split(/=(.*)/s);
    if (name === 'no-cache' || name === 'no-store') return 0;
    const seconds = name === 'max-age' ? /^"?(\d+)"?$/.exec(value ?? '')?.[1] : undefined;
    if (seconds === undefined) continue;
    maxAgeMs = Math.min(maxAgeMs ?? acceptedAgeMsMax, Number(seconds) * 1_000);
  }
  return maxAgeMs ?? defaultMs;
}

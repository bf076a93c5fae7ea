// SPDX-License-Identifier: GPL-3.0-or-later
/** The clock of the service. The clock of the operator's computer may be wrong, so nothing on the page reads it. */

type Observation = { offsetMs: number; errorMs: number; atMs: number };

// The quartz of a computer drifts by up to some 100 ppm: in a minute that is milliseconds.
const observationMaxAgeMs = 60_000;

let best: Observation | undefined;

/**
 * Takes in what the service said its time is, in milliseconds since 1970. `sentAtMs` is when the request was sent, by
 * `performance.now()`; `errorMs` is how far the time itself may be off. The observation with the smallest error wins.
 */
export function observeServerTime(
  serverMs: number,
  { sentAtMs, errorMs = 0 }: { sentAtMs: number; errorMs?: number },
): void {
  const nowMs = performance.now();
  const halfTripMs = (nowMs - sentAtMs) / 2;
  const error = errorMs + halfTripMs;
  const isOld = best !== undefined && nowMs - best.atMs > observationMaxAgeMs;
  if (best === undefined || isOld || error <= best.errorMs) {
    best = { offsetMs: serverMs + halfTripMs - nowMs, errorMs: error, atMs: nowMs };
  }
}

/** The time of the service, in milliseconds since 1970. Undefined before its first answer. */
export function serverNowMs(): number | undefined {
  return best === undefined ? undefined : performance.now() + best.offsetMs;
}

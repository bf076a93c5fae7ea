// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * A monotonic clock that reads the time once in a turn of the event loop. One turn may bring many requests, and reading
 * the time of the system costs more than noting a request.
 */
export function turnClock(): () => number {
  let nowMs: number | undefined;
  const forget = () => {
    nowMs = undefined;
  };
  return () => {
    if (nowMs === undefined) {
      nowMs = performance.now();
      setImmediate(forget);
    }
    return nowMs;
  };
}

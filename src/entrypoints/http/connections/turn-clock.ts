// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * A monotonic clock that is read once in a turn of the event loop. Many requests are read in one turn, and to ask the
 * system for the time costs more than to note a request.
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

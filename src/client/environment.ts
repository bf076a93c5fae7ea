// SPDX-License-Identifier: GPL-3.0-or-later

/** Time and randomness. Tests replace these members; the package does not export them. */
export const environment = {
  /** Milliseconds of a clock that never goes back. */
  now: (): number => performance.now(),
  /** The time of day, for the dates of `Retry-After`. */
  dateNow: (): number => Date.now(),
  /** At least 0 and below 1. */
  random: (): number => Math.random(),
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after so many milliseconds, or rejects with the reason of the signal. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      stop();
      reject(signal?.reason);
    };
    const stop = environment.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort);
  });
}

const keysPerId = 1000;
let keys = 0;
let id = '';

/** A new idempotency key. An id serves for a thousand, since a new one costs as much as the rest of a batched claim. */
export function newKey(): string {
  if (keys % keysPerId === 0) id = newId();
  keys += 1;
  return `${id}-${keys % keysPerId}`;
}

/** `randomUUID` is missing in pages that were not loaded over HTTPS. */
function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { aborted, type FeedLocks } from './feed-environment.ts';

// Over HTTP/1.1 a browser opens six connections to a service. Streams keep theirs, and other calls need some too.
const slots = ['firstcome:stream:1', 'firstcome:stream:2', 'firstcome:stream:3'];

/** Takes one of the three streams that a browser may have, until the signal aborts. Returns whether one was free. */
export async function takeStreamSlot(locks: FeedLocks, signal: AbortSignal): Promise<boolean> {
  for (const slot of slots) {
    const isFree = await new Promise<boolean>((resolve) => {
      locks
        .request(slot, { ifAvailable: true }, (lock) => {
          resolve(lock !== null);
          return lock === null ? undefined : aborted(signal);
        })
        .catch(() => resolve(false));
    });
    if (isFree) return true;
  }
  return false;
}

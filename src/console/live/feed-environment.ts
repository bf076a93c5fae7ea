// SPDX-License-Identifier: GPL-3.0-or-later
/** What a feed needs of the browser and of the service. Tests replace it. */
import type { FirstcomeClient } from '../../client.ts';
import type { ServerClock } from '../clock.ts';

/** A clock that never goes back, and its timers. */
export type FeedTime = {
  nowMs(): number;
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
};

/** `navigator.locks`: locks that all tabs of the browser share. */
export type FeedLocks = {
  request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal },
    hold: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
};

/** A `BroadcastChannel`: what one tab posts all others get. */
export type FeedChannel = {
  post(message: unknown): void;
  listen(listener: (message: unknown) => void): void;
  close(): void;
};

/** What tabs share. A page that was loaded over plain HTTP, and not from loopback, has none of it. */
export type FeedSharing = { locks: FeedLocks; openChannel(name: string): FeedChannel };

/** The calls of a feed. */
export type FeedService = Pick<
  FirstcomeClient,
  'readOverview' | 'readHealth' | 'readOutcomeHistory' | 'streamOutcomes'
>;

/** All that a feed needs. */
export type FeedEnvironment = {
  service: FeedService;
  time: FeedTime;
  clock: Pick<ServerClock, 'observe' | 'read'>;
  /** At least 0 and below 1. */
  random(): number;
  /** Undefined: each tab reads for itself. */
  sharing: FeedSharing | undefined;
};

/** Resolves after so many milliseconds, or when the signal aborts. */
export function pause(time: FeedTime, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = time.after(ms, end);
    signal.addEventListener('abort', end);
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

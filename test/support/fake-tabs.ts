// SPDX-License-Identifier: GPL-3.0-or-later
/** What the tabs of a browser share, without a browser: `navigator.locks` and `BroadcastChannel`. */
import type { FeedChannel, FeedLocks } from '../../src/console/live/feed-environment.ts';

type Request = {
  hold: Parameters<FeedLocks['request']>[2];
  resolve: (result: unknown) => void;
  reject: (reason: unknown) => void;
};

/** Exclusive locks, as the Web Locks API has them. */
export class FakeLocks implements FeedLocks {
  private readonly held = new Map<string, Request>();
  private readonly queues = new Map<string, Request[]>();

  /** How many requests wait for a lock. */
  waiting(name: string): number {
    return this.queues.get(name)?.length ?? 0;
  }

  request(
    name: string,
    { ifAvailable, steal, signal }: Parameters<FeedLocks['request']>[1],
    hold: Request['hold'],
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const request = { hold, resolve, reject };
      const queue = this.queues.get(name) ?? [];
      this.queues.set(name, queue);
      if (steal) {
        const holder = this.held.get(name);
        this.held.delete(name);
        // The callback of the one that is robbed goes on: only its request ends.
        holder?.reject(new DOMException('stolen', 'AbortError'));
        queue.unshift(request);
      } else if (ifAvailable && (this.held.has(name) || queue.length > 0)) {
        Promise.resolve(hold(null)).then(resolve, reject);
        return;
      } else queue.push(request);
      signal?.addEventListener('abort', () => {
        if (!queue.includes(request)) return;
        queue.splice(queue.indexOf(request), 1);
        reject(signal.reason);
      });
      this.grant(name);
    });
  }

  private grant(name: string): void {
    if (this.held.has(name)) return;
    const request = this.queues.get(name)?.shift();
    if (request === undefined) return;
    this.held.set(name, request);
    queueMicrotask(() => {
      const release = () => {
        if (this.held.get(name) !== request) return;
        this.held.delete(name);
        this.grant(name);
      };
      Promise.resolve(request.hold({ name })).then(request.resolve, request.reject).then(release);
    });
  }
}

/** Channels by their names. A message arrives in a later turn, in the order in which they were posted. */
export class FakeChannels {
  private readonly open = new Map<string, Set<FakeChannel>>();

  /** Opens a channel. Messages to it, and from it, wait while `isFrozen` is true. */
  openChannel(name: string, isFrozen: () => boolean = () => false): FeedChannel {
    const all = this.open.get(name) ?? new Set();
    this.open.set(name, all);
    const channel = new FakeChannel(all, isFrozen);
    all.add(channel);
    return channel;
  }
}

class FakeChannel implements FeedChannel {
  private readonly all: Set<FakeChannel>;
  private readonly isFrozen: () => boolean;
  private listener: (message: unknown) => void = () => undefined;

  constructor(all: Set<FakeChannel>, isFrozen: () => boolean) {
    this.all = all;
    this.isFrozen = isFrozen;
  }

  post(message: unknown): void {
    if (!this.all.has(this)) throw new DOMException('closed', 'InvalidStateError');
    const copy = structuredClone(message);
    for (const other of this.all) if (other !== this) other.get(copy);
  }

  private get(message: unknown): void {
    queueMicrotask(() => {
      if (this.all.has(this) && !this.isFrozen()) this.listener(message);
    });
  }

  listen(listener: (message: unknown) => void): void {
    this.listener = listener;
  }

  close(): void {
    this.all.delete(this);
  }
}

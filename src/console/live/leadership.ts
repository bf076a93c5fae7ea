// SPDX-License-Identifier: GPL-3.0-or-later
import { aborted, type FeedLocks, type FeedTime, pause } from './feed-environment.ts';

/** The leader sends something at least this often. */
export const heartbeatMs = 1_000;

// A leader that sends nothing for this time hangs. Tabs differ a little, so that one of them is first.
const silenceMsMin = 2_000;
const silenceMsSpread = 500;

/** What a candidate works with. */
export type LeadershipOptions = {
  /** The name of the lock: tabs with the same name have one leader. */
  name: string;
  locks: FeedLocks;
  time: FeedTime;
  random(): number;
  /** Whether this tab may take the lead from a leader that hangs. */
  mayTakeOver(): boolean;
  /** Leads until the signal aborts. */
  lead(signal: AbortSignal): void;
};

/**
 * Makes one of the tabs with the same name the leader. The others wait in the queue of a lock. A leader that closes leaves it
 * to the next one, and from a leader that hangs it is taken.
 */
export class Leadership {
  private readonly options: LeadershipOptions;
  private readonly silenceMs: number;
  private readonly stopped = new AbortController();
  /** Ends a request that still waits. */
  private waiting = new AbortController();
  private holding: AbortController | undefined;
  private newsAtMs: number;

  constructor(options: LeadershipOptions) {
    this.options = options;
    this.silenceMs = silenceMsMin + options.random() * silenceMsSpread;
    this.newsAtMs = options.time.nowMs();
  }

  /** Whether this tab leads. */
  get isLeading(): boolean {
    return this.holding !== undefined;
  }

  /** Becomes a candidate. */
  start(): void {
    void this.wait();
    void this.watch();
  }

  /** The leader has sent something. */
  gotNews(): void {
    this.newsAtMs = this.options.time.nowMs();
  }

  /** Leads no longer, and is no candidate any more. */
  stop(): void {
    this.stopped.abort();
    this.waiting.abort();
    this.holding?.abort();
  }

  private async wait(): Promise<void> {
    const { time } = this.options;
    while (!this.stopped.signal.aborted) {
      this.waiting = new AbortController();
      const { signal } = this.waiting;
      await this.hold({ signal }, signal);
      // It was taken over, or the browser refuses the lock.
      await pause(time, heartbeatMs, this.stopped.signal);
    }
  }

  private async watch(): Promise<void> {
    const { time, mayTakeOver } = this.options;
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const { newsAtMs } = this;
      const dueAtMs = newsAtMs + this.silenceMs;
      await pause(time, dueAtMs - time.nowMs(), signal);
      if (this.newsAtMs !== newsAtMs || signal.aborted) continue;
      // Where the timer is late this tab has hung itself, and gets only now what the leader has sent.
      const hasHung = time.nowMs() - dueAtMs > heartbeatMs;
      this.gotNews();
      if (!this.isLeading && !hasHung && mayTakeOver()) void this.hold({ steal: true }, signal);
    }
  }

  /** Requests the lock, and leads while it has it. Does nothing with it where `unwanted` has aborted meanwhile. */
  private async hold(
    options: { steal?: boolean; signal?: AbortSignal },
    unwanted: AbortSignal,
  ): Promise<void> {
    const { name, locks, lead } = this.options;
    const holding = new AbortController();
    await locks
      .request(name, options, () => {
        if (unwanted.aborted || this.isLeading) return undefined;
        this.holding = holding;
        lead(holding.signal);
        return aborted(holding.signal);
      })
      // Stolen, or not wanted any more.
      .catch(() => undefined);
    holding.abort();
    if (this.holding === holding) this.holding = undefined;
  }
}

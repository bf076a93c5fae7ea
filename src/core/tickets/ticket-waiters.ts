// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { TicketMetrics, TicketStore } from './ports.ts';
import type { TicketResult } from './ticket.ts';

/** What the waiters work with. */
export type TicketWaitersOptions = {
  store: Pick<TicketStore, 'readMany'>;
  clock: Pick<Clock, 'nowMs' | 'every'>;
  metrics: Pick<TicketMetrics, 'foundByPoll'>;
};

/** Receives the final state of a ticket, or undefined when the wait is over without one. Called once. */
export type OnEnd = (result: TicketResult | undefined) => void;

/** One request or stream that waits for the final state of a ticket. */
type Waiter = {
  untilMs: number;
  /** When its ticket is read next, and how long after that again. */
  pollAtMs: number;
  pollAfterMs: number;
  onEnd: OnEnd;
  /** Another one that waits for the same ticket, which is rare. */
  next: Waiter | undefined;
};

const sweepMs = 50;
// Results normally arrive within milliseconds of the commit. One that is later may be lost.
const firstPollMs = 500;
const pollAfterMsMax = 2_000;
const pollPauseMs = 100;
const idsPerPollMax = 1_000;

/**
 * The requests and streams of this process that wait for tickets. The process that decides a ticket sends its result to
 * them. A result that was lost is found by a poll: one query for all tickets that have waited for half a second, again
 * after one second, and then every two.
 */
export class TicketWaiters {
  private readonly options: TicketWaitersOptions;
  private readonly waiters = new Map<string, Waiter>();
  private count = 0;
  private isEnding = false;
  private isPolling = false;
  private nextPollMs = Number.NEGATIVE_INFINITY;
  private stopSweep: (() => void) | undefined;

  constructor(options: TicketWaitersOptions) {
    this.options = options;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.count;
  }

  /**
   * Waits for the final state of a ticket, for at most `waitMs` and up to 50 ms more. `onEnd` is a function of its own for each
   * wait.
   */
  wait(claimId: string, waitMs: number, onEnd: OnEnd): void {
    if (this.isEnding) {
      onEnd(undefined);
      return;
    }
    const nowMs = this.options.clock.nowMs();
    this.waiters.set(claimId, {
      untilMs: nowMs + waitMs,
      pollAtMs: nowMs + firstPollMs,
      pollAfterMs: firstPollMs,
      onEnd,
      next: this.waiters.get(claimId),
    });
    this.count += 1;
    this.stopSweep ??= this.options.clock.every(sweepMs, () => this.sweep());
  }

  /** Ends a wait without a call of its `onEnd`. Has no effect on one that has ended. */
  cancel(claimId: string, onEnd: OnEnd): void {
    let before: Waiter | undefined;
    let waiter = this.waiters.get(claimId);
    while (waiter !== undefined && waiter.onEnd !== onEnd) {
      before = waiter;
      waiter = waiter.next;
    }
    if (waiter === undefined) return;
    this.count -= 1;
    if (before !== undefined) before.next = waiter.next;
    else if (waiter.next !== undefined) this.waiters.set(claimId, waiter.next);
    else this.waiters.delete(claimId);
  }

  /** Ends all waits for this ticket with its final state. */
  resolve(claimId: string, result: TicketResult): void {
    const waiter = this.waiters.get(claimId);
    if (waiter === undefined) return;
    this.waiters.delete(claimId);
    this.end(waiter, result);
  }

  /** Ends all waits, and each later one at once: their claims are safe in the queue. */
  endAll(): void {
    this.isEnding = true;
    const ended = [...this.waiters.values()];
    this.waiters.clear();
    for (const waiter of ended) this.end(waiter, undefined);
    this.stopSweepIfUnused();
  }

  private end(first: Waiter, result: TicketResult | undefined): void {
    for (let waiter: Waiter | undefined = first; waiter !== undefined; waiter = waiter.next) {
      this.count -= 1;
      waiter.onEnd(result);
    }
  }

  private stopSweepIfUnused(): void {
    if (this.count > 0) return;
    this.stopSweep?.();
    this.stopSweep = undefined;
  }

  private sweep(): void {
    const nowMs = this.options.clock.nowMs();
    const toPoll: string[] = [];
    const mayPoll = !this.isPolling && nowMs >= this.nextPollMs;
    for (const [claimId, first] of this.waiters) {
      for (let waiter: Waiter | undefined = first; waiter !== undefined; waiter = waiter.next) {
        if (nowMs >= waiter.untilMs) {
          this.cancel(claimId, waiter.onEnd);
          waiter.onEnd(undefined);
        } else if (mayPoll && nowMs >= waiter.pollAtMs && toPoll.length < idsPerPollMax) {
          waiter.pollAfterMs = Math.min(waiter.pollAfterMs * 2, pollAfterMsMax);
          waiter.pollAtMs = nowMs + waiter.pollAfterMs;
          toPoll.push(claimId);
        }
      }
    }
    if (toPoll.length > 0) void this.poll(toPoll);
    this.stopSweepIfUnused();
  }

  private async poll(claimIds: readonly string[]): Promise<void> {
    const { clock, metrics, store } = this.options;
    this.isPolling = true;
    try {
      const results = await store.readMany(claimIds);
      for (const [claimId, result] of results) {
        if (this.waiters.has(claimId)) metrics.foundByPoll();
        this.resolve(claimId, result);
      }
    } catch {
      // The database is away. The next poll asks again.
    } finally {
      this.isPolling = false;
      this.nextPollMs = clock.nowMs() + pollPauseMs;
    }
  }
}

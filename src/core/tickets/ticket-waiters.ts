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
  private readonly waiters = new Map<string, Waiter[]>();
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
   * Waits for the final state of a ticket, for at most `waitMs` and up to 50 ms more. Returns a function that ends the wait
   * without a call of `onEnd`.
   */
  wait(claimId: string, waitMs: number, onEnd: OnEnd): () => void {
    if (this.isEnding) {
      onEnd(undefined);
      return () => undefined;
    }
    const nowMs = this.options.clock.nowMs();
    const waiter: Waiter = {
      ...{ untilMs: nowMs + waitMs, onEnd },
      ...{ pollAtMs: nowMs + firstPollMs, pollAfterMs: firstPollMs },
    };
    const others = this.waiters.get(claimId);
    if (others === undefined) this.waiters.set(claimId, [waiter]);
    else others.push(waiter);
    this.count += 1;
    this.stopSweep ??= this.options.clock.every(sweepMs, () => this.sweep());
    return () => this.remove(claimId, waiter);
  }

  /** Ends all waits for this ticket with its final state. */
  resolve(claimId: string, result: TicketResult): void {
    const ended = this.waiters.get(claimId);
    if (ended === undefined) return;
    this.waiters.delete(claimId);
    this.count -= ended.length;
    for (const { onEnd } of ended) onEnd(result);
  }

  /** Ends all waits, and each later one at once: their claims are safe in the queue. */
  endAll(): void {
    this.isEnding = true;
    const ended = [...this.waiters.values()].flat();
    this.waiters.clear();
    this.count = 0;
    this.stopSweepIfUnused();
    for (const { onEnd } of ended) onEnd(undefined);
  }

  private remove(claimId: string, waiter: Waiter): void {
    const waiters = this.waiters.get(claimId);
    const index = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || index === -1) return;
    waiters.splice(index, 1);
    if (waiters.length === 0) this.waiters.delete(claimId);
    this.count -= 1;
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
    for (const [claimId, waiters] of this.waiters) {
      // A copy: the end of a wait removes it from the list.
      for (const waiter of [...waiters]) {
        if (nowMs >= waiter.untilMs) {
          this.remove(claimId, waiter);
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

// SPDX-License-Identifier: GPL-3.0-or-later
/** Limits how many requests a caller may make. A request within a limit is counted; the limit never delays it. */
import type { Clock } from '../clock.ts';
import { invariant } from '../invariant.ts';
import { OldestOut } from '../oldest-out.ts';
import type { Rate } from './rate.ts';

/** The limits by what they count: requests of an address, with an API key, of a user, and of all callers together. */
export const limitNames = ['ip', 'key', 'user', 'all'] as const;

/** One of `limitNames`. */
export type LimitName = (typeof limitNames)[number];

/** The requests of a key that its window has so far, and when the window ends. */
export type WindowCount = { requests: number; endsInMs: number };

/** Counts requests. The first request of a key begins its window, and the first one after its end begins the next. */
export type RequestCounts = {
  /** Adds requests to the window of the key and returns its count, these included. Never rejects. */
  add(key: string, requests: number): Promise<WindowCount>;
  /** Adds the requests of each key at once, and returns the counts in the same order. Never rejects. */
  addEach(requests: ReadonlyMap<string, number>): Promise<readonly WindowCount[]>;
};

/** How long a request waits at most for counts that all nodes share, in milliseconds. */
export const sharedMsMax = 50;

/** Counts that all nodes share. They reject within `sharedMsMax` when they are away. */
export type SharedCounts = Pick<RequestCounts, 'add' | 'addEach'>;

/** What a limit says about requests. */
export type Allowance = {
  limit: RateLimit;
  /** How many of the requests are within the limit; the others are refused. */
  allowed: number;
  /** Requests that are left in this window. */
  remaining: number;
  /** Until the window ends, rounded up, 1 at least. */
  resetSeconds: number;
};

/** Keys that a process keeps for one limit, in some 80 MB. Without a maximum an attacker with many addresses would take all. */
export const keysMax = 100_000;

/** One limit: at most `rate.requests` of one key in a window of `rate.seconds`. */
export class RateLimit {
  readonly name: LimitName;
  readonly rate: Rate;
  private readonly counts: RequestCounts;
  private readonly clock: Pick<Clock, 'nowMs'>;
  /**
   * Until when keys are refused that have used up their window. They are refused without a count, wherever the counts are.
   * A key that had to make room is counted again, which refuses it too.
   */
  private readonly blockedUntilMs = new OldestOut<number>(keysMax);

  constructor(options: {
    name: LimitName;
    rate: Rate;
    counts: RequestCounts;
    clock: Pick<Clock, 'nowMs'>;
  }) {
    this.name = options.name;
    this.rate = options.rate;
    this.counts = options.counts;
    this.clock = options.clock;
  }

  /** What a key gets that has used up its window; undefined for others. Counts nothing and costs next to nothing. */
  refusalOf(key: string): Allowance | undefined {
    const untilMs = this.blockedUntilMs.get(key);
    if (untilMs === undefined) return undefined;
    const leftMs = untilMs - this.clock.nowMs();
    if (leftMs > 0) return this.allowance(0, 0, leftMs);
    this.blockedUntilMs.delete(key);
    return undefined;
  }

  /** Counts requests of a key. Those that the window still had room for are allowed. */
  async take(key: string, requests = 1): Promise<Allowance> {
    const refusal = this.refusalOf(key);
    if (refusal !== undefined) return refusal;
    return this.toAllowance(key, requests, await this.counts.add(key, requests));
  }

  /** Counts requests of many keys at once. */
  async takeEach(requests: ReadonlyMap<string, number>): Promise<Map<string, Allowance>> {
    const allowances = new Map<string, Allowance>();
    const toCount = new Map<string, number>();
    for (const [key, count] of requests) {
      const refusal = this.refusalOf(key);
      if (refusal === undefined) toCount.set(key, count);
      else allowances.set(key, refusal);
    }
    if (toCount.size === 0) return allowances;
    const counted = await this.counts.addEach(toCount);
    for (const [index, [key, count]] of [...toCount].entries()) {
      const window = counted[index];
      invariant(window, 'a count for each key');
      allowances.set(key, this.toAllowance(key, count, window));
    }
    return allowances;
  }

  private toAllowance(key: string, requests: number, counted: WindowCount): Allowance {
    // A wall clock that was set back makes the end of a window seem far away.
    const endsInMs = Math.min(Math.max(counted.endsInMs, 0), this.rate.seconds * 1000);
    const remaining = Math.max(this.rate.requests - counted.requests, 0);
    if (remaining === 0) this.blockedUntilMs.set(key, this.clock.nowMs() + endsInMs);
    const beyond = Math.max(counted.requests - this.rate.requests, 0);
    return this.allowance(Math.max(requests - beyond, 0), remaining, endsInMs);
  }

  private allowance(allowed: number, remaining: number, endsInMs: number): Allowance {
    const resetSeconds = Math.max(Math.ceil(endsInMs / 1000), 1);
    return { limit: this, allowed, remaining, resetSeconds };
  }
}

/** Counts in `shared`, or in `own` while the shared counts are away. */
export function withInsurance(shared: SharedCounts, own: RequestCounts): RequestCounts {
  return {
    add: (key, requests) => shared.add(key, requests).catch(() => own.add(key, requests)),
    addEach: (requests) => shared.addEach(requests).catch(() => own.addEach(requests)),
  };
}

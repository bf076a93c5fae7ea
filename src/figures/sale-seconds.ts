// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeHistory, OutcomeSecond } from '../client.ts';
import { keepsStock, stockAfter } from './carried-stock.ts';
import type { SaleSecond } from './sale-second.ts';

// Counts of a second arrive up to this much later. What is older comes from a clock that was set back.
const lateSecondsMax = 30;

type Kept = { value: SaleSecond; version: number };

/** The last seconds of a sale, from its event stream and its history. */
export class SaleSeconds {
  private readonly secondsMax: number;
  private kept = new Map<number, Kept>();
  private last = 0;
  private version = 0;
  private hasHistory = false;
  private stock: { remaining: number; second: number } | undefined;

  /** Keeps the last `minutes`. The history of the service has 15. */
  constructor(minutes: number) {
    this.secondsMax = 60 * minutes;
  }

  /**
   * Takes in a second of the event stream. It replaces an earlier event of the same second. Returns from which time on seconds
   * have changed.
   */
  takeEvent(event: OutcomeSecond): number {
    const second = secondOf(event.at);
    if (second > this.last + this.secondsMax) this.hasHistory = false;
    this.version += 1;
    this.goTo(second);
    this.keep(second, saleSecondOf(event));
    return second * 1_000;
  }

  /**
   * Call this before the history is read. The returned function takes in what was read, except for seconds whose event has
   * come since then, and returns from which time on seconds have changed.
   */
  beginHistory(): (history: OutcomeHistory) => number {
    const { version } = this;
    return (history) => {
      const until = secondOf(history.until);
      this.goTo(until - 1);
      const from = Math.max(secondOf(history.from), this.last - this.secondsMax + 1);
      const take = (second: number, value: SaleSecond) => {
        if ((this.kept.get(second)?.version ?? 0) <= version) this.keep(second, value);
      };
      const counted = new Map(history.seconds.map((one) => [secondOf(one.at), one]));
      const gaps = history.unknown.map((gap) => [secondOf(gap.from), secondOf(gap.until)] as const);
      for (let second = from; second < until; second += 1) {
        const one = counted.get(second);
        const isUnknown = gaps.some(([first, end]) => first <= second && second < end);
        const other = isUnknown ? unknownSecond : quietSecond;
        take(second, one === undefined ? other(second * 1_000) : saleSecondOf(one));
      }
      this.hasHistory = true;
      return from * 1_000;
    };
  }

  /** For how many minutes the history is needed, because seconds are missing. 0: none is. */
  minutesMissing(): number {
    if (!this.hasHistory) return this.secondsMax / 60;
    const first = this.first();
    if (this.kept.size === this.last - first + 1) return 0;
    let missing = first;
    while (this.kept.has(missing)) missing += 1;
    return Math.min(this.secondsMax / 60, Math.ceil((this.last - missing + 1) / 60) + 1);
  }

  /** All seconds from this time on, without gaps. Those that are missing are unknown. */
  listFrom(fromMs: number): SaleSecond[] {
    if (this.kept.size === 0) return [];
    const list: SaleSecond[] = [];
    let remaining: number | null = null;
    for (let second = this.first(); second <= this.last; second += 1) {
      const value = this.kept.get(second)?.value ?? unknownSecond(second * 1_000);
      remaining = stockAfter(value, remaining);
      if (value.atMs >= fromMs) list.push({ ...value, remaining });
    }
    return list;
  }

  /**
   * Takes in the stock as it was read at this time. Seconds before that have the same one, back to the last in which it may have
   * changed. Returns from which time on seconds have changed, if any has.
   */
  takeStock(remaining: number, atMs: number): number | undefined {
    this.stock ??= { remaining, second: Math.floor(atMs / 1_000) };
    const { stock } = this;
    // The seconds arrive after the stock.
    if (this.last < stock.second) return undefined;
    this.stock = undefined;
    const keeps = (second: number) => {
      const kept = this.kept.get(second);
      return kept !== undefined && keepsStock(kept.value);
    };
    if (!keeps(stock.second)) return undefined;
    let first = stock.second;
    while (keeps(first - 1)) first -= 1;
    const before = this.kept.get(first - 1)?.value.remaining ?? null;
    if (before === stock.remaining) return undefined;
    // It has changed in between, and it is not known when.
    if (before !== null) first = stock.second;
    for (let second = first; second <= stock.second; second += 1) {
      const kept = this.kept.get(second);
      if (kept !== undefined) kept.value = { ...kept.value, remaining: stock.remaining };
    }
    return first * 1_000;
  }

  private first(): number {
    return Math.min(...this.kept.keys());
  }

  private goTo(second: number): void {
    if (second < this.last - lateSecondsMax) {
      for (const one of this.kept.keys()) if (one > second) this.kept.delete(one);
      this.last = second;
    }
    this.last = Math.max(this.last, second);
    for (const one of this.kept.keys()) {
      if (one <= this.last - this.secondsMax) this.kept.delete(one);
    }
  }

  private keep(second: number, value: SaleSecond): void {
    this.kept.set(second, { value, version: this.version });
  }
}

function secondOf(at: string): number {
  return Math.floor(Date.parse(at) / 1_000);
}

function saleSecondOf(second: OutcomeSecond): SaleSecond {
  return {
    ...{ atMs: Date.parse(second.at), isComplete: second.complete },
    ...{ outcomes: second.outcomes, unattributed: second.unattributed },
    ...{ p50Ms: second.p50_ms, p99Ms: second.p99_ms, waitingClaims: second.waiting_claims },
    remaining: second.remaining_amount,
  };
}

/** A second of which nothing is known. */
export function unknownSecond(atMs: number): SaleSecond {
  return {
    ...{ atMs, isComplete: false, outcomes: null, unattributed: null },
    ...{ p50Ms: null, p99Ms: null, waitingClaims: null, remaining: null },
  };
}

/** A second without claims. */
export function quietSecond(atMs: number): SaleSecond {
  return {
    ...unknownSecond(atMs),
    isComplete: true,
    outcomes: {},
    unattributed: {},
    waitingClaims: 0,
  };
}

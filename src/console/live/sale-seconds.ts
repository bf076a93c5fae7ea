// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeHistory, OutcomeSecond } from '../../client.ts';
import type { SaleSecond } from './sale-data.ts';

/** How many seconds are kept: as many as the history of the service has. */
export const secondsMax = 15 * 60;

// Counts of a second arrive up to this much later. What is older comes from a clock that was set back.
const lateSecondsMax = 30;

type Kept = { value: SaleSecond; version: number };

/** The last seconds of a sale, from its event stream and its history. */
export class SaleSeconds {
  private kept = new Map<number, Kept>();
  private last = 0;
  private version = 0;
  private hasHistory = false;

  /**
   * Takes in a second of the event stream. It replaces an earlier event of the same second. Returns from which time on seconds
   * have changed.
   */
  takeEvent(event: OutcomeSecond): number {
    const second = secondOf(event.at);
    if (second > this.last + secondsMax) this.hasHistory = false;
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
      const from = Math.max(secondOf(history.from), this.last - secondsMax + 1);
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
    if (!this.hasHistory) return secondsMax / 60;
    const first = this.first();
    if (this.kept.size === this.last - first + 1) return 0;
    let missing = first;
    while (this.kept.has(missing)) missing += 1;
    return Math.min(secondsMax / 60, Math.ceil((this.last - missing + 1) / 60) + 1);
  }

  /** All seconds from this time on, without gaps. Those that are missing are unknown. */
  listFrom(fromMs: number): SaleSecond[] {
    if (this.kept.size === 0) return [];
    const list: SaleSecond[] = [];
    const first = Math.max(this.first(), Math.floor(fromMs / 1_000));
    for (let second = first; second <= this.last; second += 1) {
      list.push(this.kept.get(second)?.value ?? unknownSecond(second * 1_000));
    }
    return list;
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
      if (one <= this.last - secondsMax) this.kept.delete(one);
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
    ...{ atMs: Date.parse(second.at), isComplete: second.complete, outcomes: second.outcomes },
    ...{ p50Ms: second.p50_ms, p99Ms: second.p99_ms, waitingClaims: second.waiting_claims },
    remaining: null,
  };
}

/** A second of which nothing is known. */
export function unknownSecond(atMs: number): SaleSecond {
  const none = { outcomes: null, p50Ms: null, p99Ms: null, waitingClaims: null, remaining: null };
  return { atMs, isComplete: false, ...none };
}

/** A second without claims. */
export function quietSecond(atMs: number): SaleSecond {
  return { ...unknownSecond(atMs), isComplete: true, outcomes: {}, waitingClaims: 0 };
}

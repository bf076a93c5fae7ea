// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeHistory, OutcomeSecond } from '../client.ts';

/** The number of a second since 1970, from the time at which it began. */
export function secondOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}

/** What is known of one second. Undefined counts are unknown, which is not 0. */
export type CountedSecond = {
  /** Claims of the coupon by outcome or error code; what did not occur is left out. */
  outcomes: Record<string, number>;
  /** The same for claims that were refused before their body was read, and may be of any coupon. */
  unattributed: Record<string, number>;
};

const noClaims: CountedSecond = { outcomes: {}, unattributed: {} };

/**
 * The seconds of a sale as the service has reported them, up to a limit of the newest ones. A second that was not reported, or
 * whose counts are not complete, is unknown.
 */
export class OutcomeSeconds {
  private readonly secondsMax: number;
  private readonly seconds = new Map<number, CountedSecond | undefined>();
  private readonly remaining = new Map<number, number>();
  private newest: number | undefined;

  constructor(secondsMax: number) {
    this.secondsMax = secondsMax;
  }

  /** The newest second that was reported; undefined before the first. */
  get last(): number | undefined {
    return this.newest;
  }

  /** Undefined: unknown. */
  at(second: number): CountedSecond | undefined {
    return this.seconds.get(second);
  }

  /** The units that were left at the end of a second, where the service has read them; undefined where not. */
  remainingIn(second: number): number | undefined {
    return this.remaining.get(second);
  }

  /** Whether a second from `from` to `last` was not reported at all, not even as unknown. */
  lacksSome(from: number): boolean {
    const { last = from, seconds, secondsMax } = this;
    for (let second = Math.max(from, last - secondsMax + 1); second <= last; second += 1) {
      if (!seconds.has(second)) return true;
    }
    return false;
  }

  /** Takes a history. A second that it leaves out had no claim, unless it is in `unknown`. */
  addHistory({ from, until, seconds, unknown }: OutcomeHistory): void {
    const end = secondOf(until);
    for (let second = secondOf(from); second < end; second += 1) this.set(second, noClaims);
    for (const stretch of unknown) {
      const stretchEnd = Math.min(secondOf(stretch.until), end);
      const start = Math.max(secondOf(stretch.from), secondOf(from));
      for (let second = start; second < stretchEnd; second += 1) this.set(second, undefined);
    }
    for (const second of seconds) this.add(second);
  }

  /** Takes a second. One that comes again replaces the earlier one. */
  add({ at, complete, outcomes, unattributed, remaining_amount: remaining }: OutcomeSecond): void {
    const isKnown = complete && outcomes !== null && unattributed !== null;
    const second = secondOf(at);
    if (remaining !== null) this.remaining.set(second, remaining);
    this.set(second, isKnown ? { outcomes, unattributed } : undefined);
  }

  private set(second: number, counted: CountedSecond | undefined): void {
    const { newest = second, secondsMax, seconds } = this;
    this.newest = Math.max(newest, second);
    if (second <= this.newest - secondsMax) {
      this.remaining.delete(second);
      return;
    }
    seconds.set(second, counted);
    for (let old = newest - secondsMax + 1; old <= this.newest - secondsMax; old += 1) {
      seconds.delete(old);
      this.remaining.delete(old);
    }
  }
}

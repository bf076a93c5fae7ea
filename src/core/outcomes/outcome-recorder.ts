// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { createFailureReport } from '../duties/repeat.ts';
import type { OutcomeCounts } from './outcome-counts.ts';
import type { CountedSecond, OutcomeGap, OutcomeStore } from './ports.ts';

/** What a recorder works with. */
export type OutcomeRecorderOptions = {
  counts: OutcomeCounts;
  store: OutcomeStore;
  clock: Clock;
  /** The coupons whose claims wait, with how many. */
  waiting(): Iterable<readonly [couponName: string, waiting: number]>;
  /** Coupons that are stored of one second at most because claims of them wait. */
  waitingCouponsMax: number;
  warn(event: Record<string, unknown>, message: string): void;
};

const tickMs = 100;
// Counts of as many seconds wait for a slow database. Older ones are lost.
const secondsKeptMax = 10;
const stopMsMax = 1_000;

/** The middle of a second by the clock of this process, and what was counted in it. */
type ClosedSecond = { midMs: number; coupons: Omit<CountedSecond, 'second'>[] };

/**
 * Stores what this process has counted, once a second in one statement, and nothing while there is nothing to store. Nothing
 * waits for it. While the database is slow or away counts are lost, and as soon as it answers again the gap is stored.
 */
export class OutcomeRecorder {
  private readonly options: OutcomeRecorderOptions;
  private readonly report: (error: unknown) => void;
  /** What to add to the clock of this process; undefined until the database has answered. */
  private offsetMs: number | undefined;
  private second: number | undefined;
  /** The middle of this second by the clock of this process. `offsetMs` may change before the second ends. */
  private midMs: number | undefined;
  private closed: ClosedSecond[] = [];
  private lost: { firstMs: number; lastMs: number } | undefined;
  private sending: Promise<void> | undefined;
  private stopTicking: () => void = () => undefined;

  constructor(options: OutcomeRecorderOptions) {
    this.options = options;
    this.report = createFailureReport({
      ...{ clock: options.clock, warn: options.warn },
      message: 'outcomes of claims could not be stored; those of these seconds are missing',
    });
  }

  /** Begins to store. */
  start(): void {
    this.stopTicking = this.options.clock.every(tickMs, () => this.tick());
    this.sendSoon();
  }

  /** Stores what is counted, and then nothing any more. Waits no longer than a second. */
  async stop(): Promise<void> {
    this.stopTicking();
    const ended = new AbortController();
    const sent = (async () => {
      await this.sending;
      this.close();
      if (this.closed.length > 0) await this.send();
      ended.abort();
    })();
    await Promise.race([sent, this.options.clock.sleep(stopMsMax, ended.signal)]);
  }

  private tick(): void {
    const nowMs = this.options.clock.nowMs();
    const second = this.secondAt(nowMs);
    if (second === this.second) return;
    this.close();
    this.second = second;
    // Without the clock of the database the seconds begin at any time, so only the present moment is known.
    this.midMs = this.offsetMs === undefined ? nowMs : (second + 0.5) * 1000 - this.offsetMs;
    if (this.closed.length === 0 && this.lost === undefined) return;
    this.sendSoon();
  }

  private sendSoon(): void {
    this.sending ??= this.send().finally(() => {
      this.sending = undefined;
    });
  }

  /** Ends the current second. */
  private close(): void {
    const { counts, clock, waiting, waitingCouponsMax } = this.options;
    const midMs = this.midMs ?? clock.nowMs();
    const { coupons: counted, isComplete } = counts.take();
    const coupons = new Map(counted.map((one) => [one.couponName, { ...one, waiting: 0 }]));
    let more = waitingCouponsMax;
    for (const [couponName, count] of waiting()) {
      const known = coupons.get(couponName);
      if (known !== undefined) known.waiting = count;
      else if (count > 0 && more-- > 0) {
        coupons.set(couponName, { couponName, outcomes: {}, times: [], waiting: count });
      }
    }
    if (!isComplete) this.lose(midMs);
    if (coupons.size === 0) return;
    this.closed.push({ midMs, coupons: [...coupons.values()] });
    while (this.closed.length > secondsKeptMax) this.lose(this.closed.shift()?.midMs ?? midMs);
  }

  /** Sends what is closed. Resolves when that is stored or lost; never rejects. */
  private async send(): Promise<void> {
    const { store } = this.options;
    const sent = this.closed;
    const gap = this.lost;
    try {
      if (this.offsetMs === undefined) this.setClock(await store.begin());
      // Closed while the database was asked for its clock.
      if (sent.length === 0 && gap === undefined) return;
      this.closed = [];
      this.lost = undefined;
      this.setClock(await store.append(this.toSeconds(sent), gap && this.toGap(gap)));
    } catch (error) {
      this.closed = this.closed === sent ? [] : this.closed;
      for (const { midMs } of sent) this.lose(midMs);
      if (gap !== undefined) for (const ms of [gap.firstMs, gap.lastMs]) this.lose(ms);
      // Another server may have taken over, with another clock.
      this.offsetMs = undefined;
      this.report(error);
    }
  }

  private setClock(databaseMs: number): void {
    this.offsetMs = databaseMs - this.options.clock.nowMs();
  }

  private lose(midMs: number): void {
    const { firstMs, lastMs } = this.lost ?? { firstMs: midMs, lastMs: midMs };
    this.lost = { firstMs: Math.min(firstMs, midMs), lastMs: Math.max(lastMs, midMs) };
  }

  private toSeconds(closed: readonly ClosedSecond[]): CountedSecond[] {
    return closed.flatMap(({ midMs, coupons }) =>
      coupons.map((one) => ({ ...one, second: this.secondAt(midMs) })),
    );
  }

  private toGap({ firstMs, lastMs }: { firstMs: number; lastMs: number }): OutcomeGap {
    return { first: this.secondAt(firstMs), last: this.secondAt(lastMs) };
  }

  private secondAt(ms: number): number {
    return Math.floor((ms + (this.offsetMs ?? 0)) / 1000);
  }
}

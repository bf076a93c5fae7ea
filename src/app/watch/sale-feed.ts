// SPDX-License-Identifier: GPL-3.0-or-later
import type { FirstcomeClient, Health, Overview, Problem } from '../../client.ts';
import { FirstcomeError } from '../../client.ts';
import type { Clock } from '../../core/clock.ts';
import { SaleSeconds } from '../../figures/sale-seconds.ts';
import { StockSamples } from '../../figures/stock-samples.ts';
import { estimateSeconds } from '../../figures/time-to-sold-out.ts';

/** How many minutes are shown, and read back at the start. */
export const minutesShown = 5;

/** A call that another attempt cannot make succeed. */
export class RefusedCallError extends Error {
  override readonly name = 'RefusedCallError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** What a feed works with. */
export type SaleFeedOptions = {
  client: Pick<
    FirstcomeClient,
    'readOverview' | 'readOutcomeHistory' | 'streamOutcomes' | 'readHealth'
  >;
  couponName: string;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
};

const secondMs = 1_000;
const healthEveryMs = 2_000;
const gapEveryMs = 10_000;
// The client repeats a call for as long. The first attempt gets half of it.
const callMs = 4_000;

// The key and the name of a running command cannot change.
const finalCodes = new Set(['unauthorized', 'forbidden', 'coupon_not_found']);

/**
 * Reads a sale from a running service, again and again. What was read last stays while the service is away, and reading goes on
 * when it is back.
 */
export class SaleFeed {
  readonly seconds = new SaleSeconds(minutesShown);
  readonly stock = new StockSamples(estimateSeconds);
  /** The last overview, and when it arrived by the monotonic clock; undefined before the first. */
  overview: { value: Overview; arrivedMs: number } | undefined;
  /** Undefined: the service has not said how it is. */
  health: Health | undefined;
  /** Why the last overview could not be read; undefined where it could. */
  trouble: string | undefined;
  private readonly options: SaleFeedOptions;

  constructor(options: SaleFeedOptions) {
    this.options = options;
  }

  /**
   * Reads everything once. Rejects with a `RefusedCallError` where there is no overview, with a `FirstcomeError` where
   * something else answers, and with the reason of the signal.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { client, couponName: name } = this.options;
    const result = await client.readOverview({ name }, { signal, timeoutMs: 2 * callMs });
    if (result.outcome !== 'ok') throw new RefusedCallError(result.problem);
    this.takeOverview(result.value);
    await Promise.all([this.readHistory(signal), this.readHealth(signal)]);
  }

  /**
   * Reads until the signal aborts, and then resolves. Calls `onRead` after each attempt to read the overview. Rejects with a
   * `RefusedCallError` where no further attempt can succeed.
   */
  async run(signal: AbortSignal, onRead: () => void): Promise<void> {
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    try {
      await Promise.all([
        this.repeat(secondMs, both, () => this.readOverview(both).then(onRead)),
        this.repeat(healthEveryMs, both, () => this.readHealth(both)),
        this.repeat(secondMs, both, () => this.followOutcomes(both)),
        this.repeat(gapEveryMs, both, () => this.fillGaps(both)),
      ]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      ended.abort();
    }
  }

  private async repeat(
    everyMs: number,
    signal: AbortSignal,
    read: () => Promise<void>,
  ): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      const startMs = clock.nowMs();
      await read();
      await clock.sleep(Math.max(0, startMs + everyMs - clock.nowMs()), signal);
    }
  }

  private async readOverview(signal: AbortSignal): Promise<void> {
    const { client, couponName: name } = this.options;
    try {
      const result = await client.readOverview({ name }, { signal, timeoutMs: callMs });
      if (result.outcome === 'ok') this.takeOverview(result.value);
      else this.takeRefusal(result.problem);
    } catch (error) {
      if (!(error instanceof FirstcomeError)) throw error;
      this.trouble = `what answers is no firstcome: ${error.message}`;
    }
  }

  private takeOverview(value: Overview): void {
    this.overview = { value, arrivedMs: this.options.clock.nowMs() };
    const atMs = Date.parse(value.at);
    this.stock.add({ atMs, claimed: value.claimed });
    this.seconds.takeStock(value.coupon.remaining_amount, atMs);
    this.trouble = undefined;
  }

  private takeRefusal(problem: Problem): void {
    if (finalCodes.has(problem.code)) throw new RefusedCallError(problem);
    // The client makes the problem itself where the service has not answered.
    const isAnswer = problem.instance !== '';
    this.trouble = isAnswer ? `it refuses: ${problem.detail}` : 'it does not answer';
  }

  private async readHealth(signal: AbortSignal): Promise<void> {
    try {
      const result = await this.options.client.readHealth({}, { signal, timeoutMs: callMs });
      this.health = result.outcome === 'ok' ? result.value : undefined;
    } catch (error) {
      if (!(error instanceof FirstcomeError)) throw error;
      this.health = undefined;
    }
  }

  private async readHistory(signal: AbortSignal): Promise<void> {
    const { client, couponName: name } = this.options;
    const take = this.seconds.beginHistory();
    try {
      const result = await client.readOutcomeHistory(
        { name, minutes: Math.max(1, this.seconds.minutesMissing()) },
        { signal, timeoutMs: callMs },
      );
      if (result.outcome === 'ok') take(result.value);
    } catch (error) {
      // The overview says what is wrong.
      if (!(error instanceof FirstcomeError)) throw error;
    }
  }

  private async followOutcomes(signal: AbortSignal): Promise<void> {
    const { client, couponName: name } = this.options;
    try {
      const events = client.streamOutcomes({ name }, { signal, timeoutMs: callMs });
      for await (const second of events) this.seconds.takeEvent(second);
    } catch (error) {
      if (!(error instanceof FirstcomeError)) throw error;
    }
  }

  /** The stream leaves seconds out while the service is away. */
  private async fillGaps(signal: AbortSignal): Promise<void> {
    if (this.seconds.minutesMissing() > 0) await this.readHistory(signal);
  }
}

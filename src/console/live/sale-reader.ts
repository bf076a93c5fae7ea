// SPDX-License-Identifier: GPL-3.0-or-later
import { FirstcomeError, type ReadResult } from '../../client.ts';
import { SaleSeconds } from '../../figures/sale-seconds.ts';
import { type FeedEnvironment, pause } from './feed-environment.ts';
import { minutesKept } from './sale-data.ts';
import type { SaleNews } from './sale-news.ts';
import { takeStreamSlot } from './stream-slots.ts';

const overviewEveryMs = 1_000;
const healthEveryMs = 2_000;
const historyEveryMs = 1_000;
// Of these milliseconds the client waits half for its first attempt.
const callMs = 4_000;
// Much of the history is missing only at first, and after a sleep.
const longCallMs = 12_000;
// A refusal that another call would meet too, such as the one of an unknown name.
const lasting = new Set<string>(['coupon_not_found', 'forbidden', 'invalid_request']);
const lastingEveryMs = 5_000;
// An event comes each second. Without one the seconds are read from the history, and then the stream is opened again.
const silentAfterMs = 2_000;
const brokenAfterMs = 2_500;
const brokenAfterMsMax = 20_000;
// With so many events a stream was a good one.
const steadyEvents = 5;
const openMs = 2_000;
const refusedStreamMs = 1_000;
const slotEveryMs = 5_000;

/** Reads a sale from the service, for all tabs that show it. */
export class SaleReader {
  private readonly name: string;
  private readonly environment: FeedEnvironment;
  private readonly emit: (news: SaleNews) => void;
  private readonly seconds = new SaleSeconds(minutesKept);
  private eventAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, environment: FeedEnvironment, emit: (news: SaleNews) => void) {
    this.name = name;
    this.environment = environment;
    this.emit = emit;
  }

  /** Reads until the signal aborts. */
  run(signal: AbortSignal): void {
    const { sharing } = this.environment;
    void this.repeat(overviewEveryMs, signal, () => this.readOverview(signal));
    void this.repeat(healthEveryMs, signal, () => this.readHealth(signal));
    void this.repeat(historyEveryMs, signal, () => this.readHistory(signal));
    // Tabs that cannot count their streams have none, and read the history instead.
    if (sharing !== undefined) {
      void this.repeat(slotEveryMs, signal, async () => {
        if (await takeStreamSlot(sharing.locks, signal)) await this.stream(signal);
        return undefined;
      });
    }
  }

  /** Calls `read` again and again, and less often while it resolves to a lasting refusal. */
  private async repeat(
    everyMs: number,
    signal: AbortSignal,
    read: () => Promise<ReadResult<unknown> | undefined>,
  ): Promise<void> {
    const { time } = this.environment;
    while (!signal.aborted) {
      const startedAtMs = time.nowMs();
      // What is thrown is no answer of the service: the data gets old, and the page says that.
      const result = await read().catch(() => undefined);
      const tookMs = time.nowMs() - startedAtMs;
      const isLasting = lasting.has(result?.outcome ?? '');
      const waitMs = isLasting ? lastingEveryMs : Math.max(everyMs / 4, everyMs - tookMs);
      await pause(time, waitMs, signal);
    }
  }

  private async readOverview(signal: AbortSignal) {
    const { service, time, clock } = this.environment;
    const sentAtMs = time.nowMs();
    const result = await service.readOverview({ name: this.name }, { signal, timeoutMs: callMs });
    if (signal.aborted) return undefined;
    if (result.outcome !== 'ok') {
      this.emit({ refusal: result });
      return result;
    }
    const { value } = result;
    clock.observe(Date.parse(value.server_time), { sentAtMs, source: 'database' });
    const read = clock.read();
    this.emit({ overview: { value, ageMs: 0 }, refusal: null, ...(read && { clock: read }) });
    const { coupon, at } = value;
    const changedMs = this.seconds.takeStock(coupon.remaining_amount, Date.parse(at));
    if (changedMs !== undefined) this.emitFrom(changedMs);
    return result;
  }

  private async readHealth(signal: AbortSignal) {
    const result = await this.environment.service.readHealth({}, { signal, timeoutMs: callMs });
    if (result.outcome === 'ok' && !signal.aborted) this.emit({ health: result.value });
    return result;
  }

  /** Reads the history where seconds are missing, and where the stream brings none. */
  private async readHistory(signal: AbortSignal) {
    const { service, time } = this.environment;
    const missing = this.seconds.minutesMissing();
    const isStreaming = time.nowMs() - this.eventAtMs < silentAfterMs;
    if (missing === 0 && isStreaming) return undefined;
    const take = this.seconds.beginHistory();
    const result = await service.readOutcomeHistory(
      { name: this.name, minutes: Math.max(missing, 1) },
      { signal, timeoutMs: missing > 2 ? longCallMs : callMs },
    );
    if (result.outcome === 'ok' && !signal.aborted) this.emitFrom(take(result.value));
    return result;
  }

  /** Reads the event stream, and opens it again when it is silent. */
  private async stream(signal: AbortSignal): Promise<void> {
    let brokenMs = brokenAfterMs;
    while (!signal.aborted) {
      const { events, refused } = await this.streamOnce(signal, brokenMs);
      // A busy service may send its events late. To open streams again and again would only add to its load.
      const isSteady = events >= steadyEvents || refused !== undefined;
      brokenMs = isSteady ? brokenAfterMs : Math.min(brokenMs * 2, brokenAfterMsMax);
      if (refused === undefined) continue;
      const waitMs = lasting.has(refused) ? lastingEveryMs : refusedStreamMs;
      await pause(this.environment.time, waitMs, signal);
    }
  }

  /** Resolves when the stream is silent, or with the reason why it cannot be opened. */
  private async streamOnce(
    signal: AbortSignal,
    brokenMs: number,
  ): Promise<{ events: number; refused?: string }> {
    const { service, time } = this.environment;
    const silent = new AbortController();
    const ended = AbortSignal.any([signal, silent.signal]);
    let events = 0;
    let stopTimer = () => {};
    const restartTimer = (ms: number) => {
      stopTimer();
      stopTimer = time.after(ms, () => silent.abort());
    };
    restartTimer(openMs + brokenMs);
    try {
      const options = { signal: ended, timeoutMs: openMs };
      for await (const event of service.streamOutcomes({ name: this.name }, options)) {
        if (ended.aborted) break;
        events += 1;
        restartTimer(brokenMs);
        this.eventAtMs = time.nowMs();
        this.emitFrom(this.seconds.takeEvent(event));
      }
      return { events, refused: 'ended' };
    } catch (error) {
      if (silent.signal.aborted) return { events };
      const outcome = error instanceof FirstcomeError ? error.result?.outcome : undefined;
      return { events, refused: outcome ?? 'failed' };
    } finally {
      stopTimer();
    }
  }

  /** Emits the seconds from this time on. */
  private emitFrom(fromMs: number): void {
    this.emit({ tail: { value: this.seconds.listFrom(fromMs), ageMs: 0 } });
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The event streams of outcomes of this process: `GET /api/coupons/{name}/outcomes`. */
import type { Clock } from '../../../core/clock.ts';
import { couponNotFound } from '../../../core/coupons/coupon.ts';
import { AppError } from '../../../core/errors.ts';
import { unreadName } from '../../../core/outcomes/outcome-counts.ts';
import type { OutcomeWindow } from '../../../core/outcomes/ports.ts';
import type { OutcomesOfCoupon, ReadOutcomes } from '../../../core/outcomes/read-outcomes.ts';
import { outcomeSecondsOf } from '../schemas/outcomes.ts';
import { type EventSource, EventStream, type StreamTarget } from './event-stream.ts';
import { Heartbeats } from './heartbeats.ts';
import type { StreamCounts } from './stream-counts.ts';

/** What the streams work with. */
export type OutcomeStreamsOptions = {
  outcomes: Pick<ReadOutcomes, 'latest'>;
  counts: StreamCounts;
  clock: Clock;
  /** A random number from 0 up to 1. */
  random(): number;
};

/** A request for a stream. */
export type OutcomeStreamRequest = {
  couponName: string;
  /** Whether its sender may still follow it. Rejects while that cannot be found out. */
  isAllowed(): Promise<boolean>;
  /** Starts the response; undefined where the client is gone. */
  startResponse(): StreamTarget | undefined;
};

// As for streams of stock: clients that lose a node come back spread over these milliseconds.
const retryMsMin = 1_000;
const retryMsMax = 5_000;
// Seconds are read as soon after their end as they are complete.
const secondMs = 1_000;
const afterSecondMs = 200;
// How often the right to follow a stream is checked again.
const allowedEveryMs = 60_000;

type Follower = { isAllowed(): Promise<boolean>; checkAtMs: number };

type Channel = { events: OutcomeEvents; streams: Map<EventStream, Follower>; opening: number };

/** All streams of outcomes of this process. One read a second serves all of them. */
export class OutcomeStreams {
  private readonly options: OutcomeStreamsOptions;
  private readonly heartbeats: Heartbeats;
  private readonly channels = new Map<string, Channel>();
  private reading: AbortController | undefined;
  private isStopping = false;

  constructor(options: OutcomeStreamsOptions) {
    const { clock, counts } = options;
    this.options = options;
    this.heartbeats = new Heartbeats(clock, (stream) => {
      counts.add('dropped');
      stream.cut();
    });
  }

  /**
   * Opens a stream. Rejects with `coupon_not_found`, with `overloaded` where too many are open, and with `unavailable` when
   * the counts cannot be read or the service stops.
   */
  async open(request: OutcomeStreamRequest): Promise<void> {
    const { counts, outcomes } = this.options;
    const { couponName } = request;
    counts.enter();
    const channel = this.channelOf(couponName);
    channel.opening += 1;
    let isOpen = false;
    try {
      const windows = await outcomes.latest([couponName]);
      if (!windows.has(couponName)) throw couponNotFound();
      this.show(couponName, channel, windows);
      if (this.isStopping) throw stopping();
      isOpen = this.start(channel, request);
    } finally {
      channel.opening -= 1;
      if (!isOpen) counts.leave();
      this.closeIfUnused(couponName);
    }
  }

  /** Ends all streams and opens no further one. Cuts clients that do not read. */
  stop(): void {
    this.isStopping = true;
    for (const channel of this.channels.values()) {
      for (const stream of channel.streams.keys()) this.end(channel, stream);
    }
  }

  /** Returns false where the client is gone. */
  private start(channel: Channel, request: OutcomeStreamRequest): boolean {
    const { clock, counts } = this.options;
    const target = request.startResponse();
    if (target === undefined) return false;
    const nowMs = clock.nowMs();
    const stream = new EventStream(channel.events, target, { nowMs, retryMs: this.retryMs() });
    counts.add('opened');
    counts.add('written');
    channel.streams.set(stream, {
      isAllowed: request.isAllowed,
      checkAtMs: nowMs + allowedEveryMs,
    });
    this.heartbeats.add(stream);
    target.connection.once('close', () => {
      counts.leave();
      this.forget(channel, stream);
      this.closeIfUnused(request.couponName);
    });
    if (this.reading === undefined) {
      this.reading = new AbortController();
      void this.readEachSecond(this.reading.signal);
    }
    return true;
  }

  private async readEachSecond(signal: AbortSignal): Promise<void> {
    const { clock, outcomes } = this.options;
    let waitMs = secondMs;
    while (!signal.aborted) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      waitMs = secondMs;
      for (const channel of this.channels.values()) this.checkFollowers(channel);
      try {
        const windows = await outcomes.latest([...this.channels.keys()]);
        for (const [couponName, channel] of this.channels) this.show(couponName, channel, windows);
        const clockMs = windows.get(unreadName)?.clockMs ?? 0;
        waitMs = secondMs - ((clockMs - afterSecondMs) % secondMs);
      } catch {
        // The log of outages has it. Nothing is written: the client sees that its data gets old.
      }
    }
  }

  private show(
    couponName: string,
    { events, streams }: Channel,
    windows: ReadonlyMap<string, OutcomeWindow>,
  ): void {
    const [ofCoupon, unread] = [windows.get(couponName), windows.get(unreadName)];
    if (ofCoupon === undefined || unread === undefined) return;
    if (!events.take({ ofCoupon, unread })) return;
    const { clock, counts } = this.options;
    for (const stream of streams.keys()) {
      if (stream.writeNewest(clock.nowMs()) === 'written') counts.add('written');
    }
  }

  /** Ends the streams of those who may not follow them any more. */
  private checkFollowers(channel: Channel): void {
    const nowMs = this.options.clock.nowMs();
    for (const [stream, follower] of channel.streams) {
      if (nowMs < follower.checkAtMs) continue;
      follower.checkAtMs = nowMs + allowedEveryMs;
      void follower.isAllowed().then(
        (isAllowed) => {
          if (!isAllowed) this.end(channel, stream);
        },
        // While it cannot be found out, nothing can be read either.
        () => undefined,
      );
    }
  }

  private end(channel: Channel, stream: EventStream): void {
    this.forget(channel, stream);
    stream.end(this.options.clock.nowMs(), this.retryMs());
  }

  private forget(channel: Channel, stream: EventStream): void {
    channel.streams.delete(stream);
    this.heartbeats.remove(stream);
  }

  private channelOf(couponName: string): Channel {
    let channel = this.channels.get(couponName);
    if (channel === undefined) {
      channel = { events: new OutcomeEvents(), streams: new Map(), opening: 0 };
      this.channels.set(couponName, channel);
    }
    return channel;
  }

  private closeIfUnused(couponName: string): void {
    const channel = this.channels.get(couponName);
    if (channel === undefined || channel.opening > 0 || channel.streams.size > 0) return;
    this.channels.delete(couponName);
    if (this.channels.size > 0) return;
    this.reading?.abort();
    this.reading = undefined;
  }

  private retryMs(): number {
    return retryMsMin + this.options.random() * (retryMsMax - retryMsMin);
  }
}

/** The events of one coupon: one for each second, and another one when more of its counts have arrived. */
class OutcomeEvents implements EventSource {
  version = 0;
  /** The seconds of the window that were shown, with what was shown. */
  private shown = new Map<number, string>();
  private events: Buffer = Buffer.alloc(0);

  /** Takes what was read. Returns whether there is something new to show. */
  take(outcomes: OutcomesOfCoupon): boolean {
    const { first, last } = outcomes.ofCoupon;
    const bodyOf = outcomeSecondsOf(outcomes);
    const before = this.shown;
    const [from = last] = before.keys();
    this.shown = new Map();
    let text = '';
    // The first read shows one second; after that none is left out, as long as reads succeed.
    for (let second = Math.max(from, first); second <= last; second += 1) {
      const data = JSON.stringify(bodyOf(second));
      this.shown.set(second, data);
      if (before.get(second) === data) continue;
      text += `id: ${second}\nevent: outcomes\ndata: ${data}\n\n`;
    }
    if (text === '') return false;
    this.events = Buffer.from(text);
    this.version += 1;
    return true;
  }

  newestEvent(): Buffer {
    return this.events;
  }
}

function stopping(): AppError {
  return new AppError('unavailable', { detail: 'the service is stopping' });
}

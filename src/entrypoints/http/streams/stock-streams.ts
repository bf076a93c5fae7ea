// SPDX-License-Identifier: GPL-3.0-or-later
/** The event streams of this process: `GET /api/coupons/{name}/events`. ADR 38 gives the reasons. */
import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { StockView, StockViews } from '../../../core/stock/stock-view.ts';
import { EventStream, type StreamTarget } from './event-stream.ts';
import { Heartbeats } from './heartbeats.ts';
import { PacedWrites } from './paced-writes.ts';
import { StockChannel } from './stock-channel.ts';
import { atMsOfEventId } from './stock-event.ts';
import type { StreamCounts } from './stream-counts.ts';

/** The limits of the streams, and what they work with. */
export type StockStreamsOptions = {
  counts: StreamCounts;
  writesPerSecondMax: number;
  views: StockViews;
  clock: Clock;
  /** A random number from 0 up to 1. */
  random(): number;
};

/** A request for a stream. */
export type StreamRequest = {
  couponName: string;
  /** The id of the last event that the client has seen, as it says. */
  lastEventId: string | undefined;
  /** Starts the response; undefined where the client is gone. */
  startResponse(): StreamTarget | undefined;
};

// The first event shows the stock as of a second ago at the most.
const firstViewAgeMsMax = 1_000;
// Clients that lose a node at the same time come back spread over these milliseconds.
const retryMsMin = 1_000;
const retryMsMax = 5_000;
// After a stop at most a thousand of them come back a second.
const retryMsPerStream = 1;

/** All streams of this process. */
export class StockStreams {
  private readonly options: StockStreamsOptions;
  private readonly channels = new Map<string, { channel: StockChannel; unwatch(): void }>();
  private readonly writes: PacedWrites;
  private readonly heartbeats: Heartbeats;
  private isStopping = false;

  constructor(options: StockStreamsOptions) {
    const { clock, counts, writesPerSecondMax: perSecondMax } = options;
    this.options = options;
    const onWritten = () => counts.add('written');
    this.writes = new PacedWrites({ clock, perSecondMax, onWritten });
    this.heartbeats = new Heartbeats(clock, (stream) => {
      counts.add('dropped');
      stream.cut();
    });
  }

  /**
   * Opens a stream. Rejects with `coupon_not_found`, with `overloaded` where too many are open, and with `unavailable` when
   * the stock cannot be read or the service stops.
   */
  async open(request: StreamRequest): Promise<void> {
    const { counts, views } = this.options;
    const { couponName } = request;
    // An unknown coupon is reported as such, since no later attempt can succeed. Coupons stay, so a view of any age shows one.
    if (counts.isFull) await views.read(couponName, Number.POSITIVE_INFINITY);
    counts.enter();
    // Watched before the read, so that no view in between is missed.
    const channel = this.channelOf(couponName);
    channel.opening += 1;
    let isOpen = false;
    try {
      await this.readView(channel, request);
      if (this.isStopping) throw stopping();
      isOpen = this.start(channel, request);
    } finally {
      channel.opening -= 1;
      if (!isOpen) counts.leave();
      this.closeIfUnused(couponName, channel);
    }
  }

  /** Ends all streams and opens no further one. Cuts clients that do not read. */
  stop(): void {
    this.isStopping = true;
    const nowMs = this.options.clock.nowMs();
    const spreadMs = Math.max(retryMsMax - retryMsMin, this.options.counts.open * retryMsPerStream);
    for (const [couponName, { channel }] of this.channels) {
      for (const stream of channel.streams) {
        this.forget(channel, stream);
        stream.end(nowMs, this.retryMs(spreadMs));
      }
      this.closeIfUnused(couponName, channel);
    }
  }

  /** Gives the channel a view that is young enough, and not older than the last event that the client has seen. */
  private async readView(channel: StockChannel, request: StreamRequest): Promise<void> {
    const { couponName, lastEventId } = request;
    const { views } = this.options;
    let { view } = await views.read(couponName, firstViewAgeMsMax);
    const seenAtMs = atMsOfEventId(lastEventId);
    if (seenAtMs !== undefined && view.atMs < seenAtMs)
      ({ view } = await views.read(couponName, 0));
    if (channel.isNewer(view)) this.show(channel, view);
  }

  /** Returns false where the client is gone. */
  private start(channel: StockChannel, { couponName, startResponse }: StreamRequest): boolean {
    const { counts } = this.options;
    const target = startResponse();
    if (target === undefined) return false;
    const nowMs = this.options.clock.nowMs();
    const retryMs = this.retryMs(retryMsMax - retryMsMin);
    const stream = new EventStream(channel, target, { nowMs, retryMs });
    counts.add('opened');
    counts.add('written');
    channel.streams.add(stream);
    this.heartbeats.add(stream);
    target.connection.once('close', () => {
      counts.leave();
      this.forget(channel, stream);
      this.closeIfUnused(couponName, channel);
    });
    return true;
  }

  /** Writes nothing to this stream any more. */
  private forget(channel: StockChannel, stream: EventStream): void {
    channel.streams.delete(stream);
    this.heartbeats.remove(stream);
    this.writes.remove(stream);
  }

  private show(channel: StockChannel, view: StockView): void {
    if (!channel.take(view)) return;
    for (const stream of channel.streams) this.writes.add(stream);
  }

  private channelOf(couponName: string): StockChannel {
    const known = this.channels.get(couponName);
    if (known !== undefined) return known.channel;
    const channel = new StockChannel();
    const unwatch = this.options.views.watch(couponName, (view) => this.show(channel, view));
    this.channels.set(couponName, { channel, unwatch });
    return channel;
  }

  private closeIfUnused(couponName: string, channel: StockChannel): void {
    const current = this.channels.get(couponName);
    if (current?.channel !== channel || channel.opening > 0 || channel.streams.size > 0) return;
    current.unwatch();
    this.channels.delete(couponName);
  }

  private retryMs(spreadMs: number): number {
    return retryMsMin + this.options.random() * spreadMs;
  }
}

function stopping(): AppError {
  return new AppError('unavailable', { detail: 'the service is stopping' });
}

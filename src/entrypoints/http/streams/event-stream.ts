// SPDX-License-Identifier: GPL-3.0-or-later
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { heartbeat, retryHint } from './stock-event.ts';

/** What a stream writes to. The connection ends with the stream. */
export type StreamTarget = {
  response: Pick<ServerResponse, 'write' | 'end' | 'writableLength'>;
  connection: Pick<Socket, 'destroy' | 'once'>;
};

/** Where a stream gets the newest event of its coupon. */
export type EventSource = {
  /** Grows with each event that says something new. */
  readonly version: number;
  newestEvent(): Buffer;
};

/** `nothing`: the newest event is already sent. `full`: the client has not read what was sent before. */
export type WriteResult = 'written' | 'nothing' | 'full';

// A client that reads nothing for as long is taken for lost.
const unreadMsMax = 15_000;

/**
 * An open stream. It holds no event back: while the socket still has bytes to send, it skips events, and sends the newest one
 * afterwards.
 */
export class EventStream {
  readonly source: EventSource;
  private readonly target: StreamTarget;
  /** Whether it waits in the queue of writes. */
  isQueued = false;
  /** When its last event was written, in milliseconds of the monotonic clock. */
  writtenAtMs: number;
  private sentVersion: number;
  /** Since when the socket has bytes to send; undefined while it has none. */
  private fullSinceMs: number | undefined;

  /** Writes the first event, with how long the client waits before it connects again. */
  constructor(
    source: EventSource,
    target: StreamTarget,
    first: { nowMs: number; retryMs: number },
  ) {
    this.source = source;
    this.target = target;
    this.writtenAtMs = first.nowMs;
    this.sentVersion = source.version;
    target.response.write(
      Buffer.concat([Buffer.from(retryHint(first.retryMs)), source.newestEvent()]),
    );
  }

  /** Writes the newest event, unless it is written already or the socket is full. */
  writeNewest(nowMs: number): WriteResult {
    if (this.sentVersion === this.source.version) return 'nothing';
    if (this.isFull(nowMs)) return 'full';
    this.sentVersion = this.source.version;
    this.writtenAtMs = nowMs;
    this.target.response.write(this.source.newestEvent());
    return 'written';
  }

  /**
   * Whether the socket still has bytes to send. Nothing is written to it then, so one that is full at two moments was full
   * all the time between.
   */
  isFull(nowMs: number): boolean {
    if (this.target.response.writableLength === 0) this.fullSinceMs = undefined;
    else this.fullSinceMs ??= nowMs;
    return this.fullSinceMs !== undefined;
  }

  /** Writes a heartbeat. Returns false where the client has read nothing for 15 seconds. */
  beat(nowMs: number): boolean {
    if (!this.isFull(nowMs)) this.target.response.write(heartbeat);
    return this.fullSinceMs === undefined || nowMs - this.fullSinceMs < unreadMsMax;
  }

  /** Ends the stream with the newest event. Returns false where it cuts a client that has not read the event before. */
  endWithNewest(nowMs: number): boolean {
    const isRead = !this.isFull(nowMs);
    if (isRead) this.target.response.end(this.source.newestEvent());
    else this.target.connection.destroy();
    return isRead;
  }

  /** Ends the stream with a new hint. Cuts a client that does not read, so that a stop does not wait for it. */
  end(nowMs: number, retryMs: number): void {
    if (this.isFull(nowMs)) this.target.connection.destroy();
    else this.target.response.end(`${retryHint(retryMs)}\n`);
  }

  /** Closes the connection without an end of the stream. */
  cut(): void {
    this.target.connection.destroy();
  }
}

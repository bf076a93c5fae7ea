// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../../core/clock.ts';
import type { EventStream } from './event-stream.ts';

// How long a stream waits at least between two events.
const intervalMsMin = 100;
// Many small slices: a slice of 20 writes holds up the event loop for well under a millisecond.
const sliceMs = 10;
// A late slice makes up for next to nothing: the event loop is busy, and claims come first.
const countedMsMax = 12;
// How often the streams with full sockets are looked at.
const fullCheckMs = 100;

/**
 * Writes the newest events to streams, at most ten a second to each and a limited number a second to all. The streams wait
 * in one queue, and each gets the event that is the newest when its turn comes. So all get the same share, and the last event
 * of a coupon always arrives.
 */
export class PacedWrites {
  private readonly clock: Clock;
  private readonly perSecondMax: number;
  private readonly onWritten: () => void;
  private queue: EventStream[] = [];
  /** The place of the first stream in the queue. */
  private first = 0;
  /** Streams that have missed an event because their socket was full. */
  private readonly full = new Set<EventStream>();
  /** How many events may be written now. */
  private allowed = 0;
  private sliceAtMs = 0;
  private fullCheckAtMs = 0;
  private stopTimer: (() => void) | undefined;

  /** `onWritten` is called once for each event. */
  constructor(options: { clock: Clock; perSecondMax: number; onWritten(): void }) {
    this.clock = options.clock;
    this.perSecondMax = options.perSecondMax;
    this.onWritten = options.onWritten;
  }

  /** Writes the newest event to this stream when its turn comes. */
  add(stream: EventStream): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    this.queue.push(stream);
    this.startTimer();
  }

  /** Forgets a closed stream. */
  remove(stream: EventStream): void {
    this.full.delete(stream);
    // Its place in the queue is skipped.
    stream.isQueued = false;
  }

  private startTimer(): void {
    if (this.stopTimer !== undefined) return;
    this.sliceAtMs = this.clock.nowMs();
    this.stopTimer = this.clock.every(sliceMs, () => this.writeSlice());
  }

  private stopTimerIfIdle(): void {
    if (this.first < this.queue.length || this.full.size > 0) return;
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  private writeSlice(): void {
    const nowMs = this.clock.nowMs();
    const passedMs = Math.min(nowMs - this.sliceAtMs, countedMsMax);
    const allowedMax = Math.max(1, (this.perSecondMax * countedMsMax) / 1000);
    this.sliceAtMs = nowMs;
    this.allowed = Math.min(allowedMax, this.allowed + (this.perSecondMax * passedMs) / 1000);
    this.queueDrained(nowMs);
    while (this.allowed >= 1) {
      const stream = this.queue[this.first];
      // It may be written within 100 ms, and those behind it were queued later.
      if (stream === undefined || nowMs - stream.writtenAtMs < intervalMsMin) break;
      this.takeFirst();
      if (stream.isQueued) this.write(stream, nowMs);
    }
    this.stopTimerIfIdle();
  }

  private write(stream: EventStream, nowMs: number): void {
    stream.isQueued = false;
    const result = stream.writeNewest(nowMs);
    if (result === 'full') this.full.add(stream);
    if (result !== 'written') return;
    this.allowed -= 1;
    this.onWritten();
  }

  /** Queues the streams again whose sockets are no longer full. */
  private queueDrained(nowMs: number): void {
    if (nowMs - this.fullCheckAtMs < fullCheckMs) return;
    this.fullCheckAtMs = nowMs;
    for (const stream of this.full) {
      if (stream.isFull(nowMs)) continue;
      this.full.delete(stream);
      this.add(stream);
    }
  }

  private takeFirst(): void {
    this.first += 1;
    // Each stream is moved once at most for each time that it is taken.
    if (this.first * 2 < this.queue.length) return;
    this.queue = this.queue.slice(this.first);
    this.first = 0;
  }
}

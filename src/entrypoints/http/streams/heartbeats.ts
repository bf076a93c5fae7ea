// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../../core/clock.ts';
import type { EventStream } from './event-stream.ts';

/** How often each stream gets a heartbeat. Proxies must allow longer pauses than this. */
export const heartbeatMs = 15_000;

const turnMs = 100;
const turns = heartbeatMs / turnMs;

/** Gives each stream its heartbeats, with one timer for all. The streams are spread evenly over the 15 seconds. */
export class Heartbeats {
  private readonly clock: Clock;
  private readonly onUnread: (stream: EventStream) => void;
  private readonly streamsOfTurn = Array.from({ length: turns }, () => new Set<EventStream>());
  private readonly turnOf = new Map<EventStream, Set<EventStream>>();
  /** The turn that comes next, and the one that the next stream gets. */
  private turn = 0;
  private turnToFill = 0;
  private stopTimer: (() => void) | undefined;

  /** `onUnread` is called for each stream whose client does not read. */
  constructor(clock: Clock, onUnread: (stream: EventStream) => void) {
    this.clock = clock;
    this.onUnread = onUnread;
  }

  add(stream: EventStream): void {
    const streams = this.streamsOfTurn[this.turnToFill] as Set<EventStream>;
    this.turnToFill = (this.turnToFill + 1) % turns;
    streams.add(stream);
    this.turnOf.set(stream, streams);
    this.stopTimer ??= this.clock.every(turnMs, () => this.takeTurn());
  }

  remove(stream: EventStream): void {
    this.turnOf.get(stream)?.delete(stream);
    this.turnOf.delete(stream);
    if (this.turnOf.size > 0) return;
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  private takeTurn(): void {
    const streams = this.streamsOfTurn[this.turn] as Set<EventStream>;
    this.turn = (this.turn + 1) % turns;
    const nowMs = this.clock.nowMs();
    for (const stream of streams) if (!stream.beat(nowMs)) this.onUnread(stream);
  }
}

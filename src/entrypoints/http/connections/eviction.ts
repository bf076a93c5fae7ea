// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import { isBeingAnswered } from './connection.ts';
import type { ConnectionList } from './connection-list.ts';
import type { CloseReason } from './connection-log.ts';

// How long a new connection may take to send its first request, near the limit and at the limit.
const silentMsMin = 1000;
const silentAtLimitMsMin = 100;
// How long a request may take to arrive completely, at the limit.
const slowMsMin = 1000;

/** The lists that connections are taken from; `Connections` says what each holds. */
export type EvictionLists = Record<'silent' | 'idle' | 'active' | 'ending', ConnectionList>;

/** How a connection is closed. */
export type EvictionOptions = {
  nowMs(): number;
  answerSlow(socket: Socket): void;
  close(connection: Connection, reason: CloseReason): void;
};

/** Chooses the connection to close when there are too many. Each method returns false where it closes none. */
export class Eviction {
  private readonly lists: EvictionLists;
  private readonly options: EvictionOptions;

  constructor(lists: EvictionLists, options: EvictionOptions) {
    this.lists = lists;
    this.options = options;
  }

  /** Closes the connection that has waited longest for its next request. */
  closeIdle(): boolean {
    return this.closeWaitingSince(Number.POSITIVE_INFINITY);
  }

  /** Closes the connection that has waited longest for a request, which may be its first. */
  closeWaiting(): boolean {
    return this.closeWaitingSince(silentMsMin);
  }

  /** Makes room for one connection, also by ending a request that is slow to arrive. */
  makeRoomAtLimit(): boolean {
    return this.closeWaitingSince(silentAtLimitMsMin) || this.closeEnding() || this.closeSlow();
  }

  private closeWaitingSince(silentMs: number): boolean {
    for (;;) {
      const one = this.longestWaiting(silentMs);
      if (one === undefined) return false;
      if (!one.hasBegun) {
        this.options.close(one, one.list === this.lists.idle ? 'idle' : 'silent');
        return true;
      }
      one.sinceMs = this.options.nowMs();
      this.lists.active.add(one);
    }
  }

  private longestWaiting(silentMs: number): Connection | undefined {
    const idle = this.lists.idle.first;
    const silent = this.lists.silent.first;
    if (silent === undefined || !this.isOlder(silent, silentMs)) return idle;
    return idle === undefined || silent.sinceMs < idle.sinceMs ? silent : idle;
  }

  /** Closes a connection that its client keeps open after the last response. */
  private closeEnding(): boolean {
    const one = this.lists.ending.first;
    if (one === undefined || !this.isOlder(one, slowMsMin)) return false;
    this.options.close(one, 'slow');
    return true;
  }

  /** Answers 408 to a request that is slow to arrive. */
  private closeSlow(): boolean {
    const { active } = this.lists;
    for (let one = active.first; one !== undefined; one = active.first) {
      if (!this.isOlder(one, slowMsMin)) return false;
      if (!isBeingAnswered(one.socket) && !one.isBeyond) {
        this.options.answerSlow(one.socket);
        this.options.close(one, 'slow');
        return true;
      }
      // It is not checked again before its next request.
      active.remove(one);
    }
    return false;
  }

  private isOlder({ sinceMs }: Connection, ms: number): boolean {
    return this.options.nowMs() - sinceMs >= ms;
  }
}

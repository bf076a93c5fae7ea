// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimLane } from './claim-lane.ts';

// More would hold the locks of all its coupons for longer than they save.
const bundleMax = 64;

/** The line of lanes that have something to send, each once. */
export class ReadyQueue {
  private ready: ClaimLane[] = [];

  /** Puts the lane at the end, unless it stands in the line or has a batch under way. */
  add(lane: ClaimLane): void {
    if (lane.queued || lane.sent !== undefined) return;
    lane.queued = true;
    this.ready.push(lane);
  }

  /**
   * Takes out those that send next in one commit: the first lane; and when only a single claim waits in it, all others
   * of which that is true, since each would need a commit of its own otherwise. Empty when nobody stands in the line.
   */
  take(): ClaimLane[] {
    const first = this.ready.shift();
    if (first === undefined) return [];
    first.queued = false;
    const lanes = [first];
    if (!first.isLone) return lanes;
    this.ready = this.ready.filter((lane) => {
      if (lanes.length === bundleMax || !lane.isLone) return true;
      lane.queued = false;
      lanes.push(lane);
      return false;
    });
    return lanes;
  }
}

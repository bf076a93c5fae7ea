// SPDX-License-Identifier: GPL-3.0-or-later
import { environment } from './environment.ts';

// Times that are close to each other share a call.
const grainMs = 10;

/** One timer for many times: it calls `wake` at or a little after the earliest one. */
export class WakeTimer {
  private readonly wake: () => void;
  private atMs = Number.POSITIVE_INFINITY;
  private stopTimer: (() => void) | undefined;

  constructor(wake: () => void) {
    this.wake = wake;
  }

  /** Wakes at this time of `environment.now`, or earlier if an earlier time is set. */
  wakeAt(atMs: number): void {
    if (atMs >= this.atMs) return;
    this.stop();
    this.atMs = Math.ceil(atMs / grainMs) * grainMs;
    this.stopTimer = environment.after(Math.max(0, this.atMs - environment.now()), () => {
      this.atMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }

  /** Forgets all times. */
  stop(): void {
    this.stopTimer?.();
    this.atMs = Number.POSITIVE_INFINITY;
  }
}

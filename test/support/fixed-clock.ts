// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../src/core/clock.ts';

type Timer = { atMs: number; everyMs: number | undefined; run(): void };

/** A clock that stands still until a test advances it. */
export class FixedClock implements Clock {
  private ms = 0;
  private readonly timers = new Set<Timer>();
  private heldTurn: (() => void)[] | undefined;

  nowMs(): number {
    return this.ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.timers.delete(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer: Timer = { atMs: this.ms + ms, everyMs: undefined, run: wake };
      this.timers.add(timer);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Runs it at once, as if each event had its own turn of the event loop, unless a test holds the turn. */
  atEndOfTurn(run: () => void): void {
    if (this.heldTurn === undefined) run();
    else this.heldTurn.push(run);
  }

  /** Puts everything from now on into one turn of the event loop, until the returned function ends it. */
  holdTurn(): () => void {
    this.heldTurn = [];
    return () => {
      const held = this.heldTurn ?? [];
      this.heldTurn = undefined;
      for (const run of held) run();
    };
  }

  every(ms: number, tick: () => void): () => void {
    const timer: Timer = { atMs: this.ms + ms, everyMs: ms, run: tick };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** The number of pending sleeps and intervals. */
  get pending(): number {
    return this.timers.size;
  }

  /** Advances by `ms`: due timers run in order of time, each with its consequences before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.ms + ms;
    await flushPromises();
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.ms = next.atMs;
      if (next.everyMs === undefined) this.timers.delete(next);
      else next.atMs += next.everyMs;
      next.run();
      await flushPromises();
    }
    this.ms = untilMs;
  }
}

/** Resolves when all pending promise callbacks have run; no time passes. */
export function flushPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { setImmediate as nextTurn } from 'node:timers/promises';
import { environment } from '../../src/client/environment.ts';

const real = { ...environment };

/** How and when a call ended. */
export type End<Result> = ({ result: Result } | { error: unknown }) & { atMs: number };

/** The clock of the client, which stands still until a test moves it. */
export class VirtualTime {
  nowMs = 0;
  private timers: { atMs: number; run: () => void }[] = [];

  /** Gives the client this clock, and these random numbers, until `restore`. */
  install(random: () => number = () => 0.5): void {
    Object.assign(environment, {
      now: () => this.nowMs,
      dateNow: () => this.nowMs,
      random,
      after: (ms: number, run: () => void) => this.after(ms, run),
    });
  }

  /** Gives the client the real clock back. */
  static restore(): void {
    Object.assign(environment, real);
  }

  /** Calls `run` after so many milliseconds of this clock, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + Math.max(0, ms), run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Runs timer after timer until `isDone`. Throws if nothing is left that could happen. */
  async runUntil(isDone: () => boolean): Promise<void> {
    let idleTurns = 0;
    for (;;) {
      // A response is read, and a module is loaded, in some turns of the event loop.
      for (let turn = 0; turn < 3; turn += 1) await nextTurn();
      if (isDone()) return;
      const [first, ...others] = this.timers.sort((one, other) => one.atMs - other.atMs);
      if (first === undefined) {
        idleTurns += 1;
        if (idleTurns > 1000) throw new Error('nothing is left that could happen');
        continue;
      }
      this.timers = others;
      this.nowMs = Math.max(this.nowMs, first.atMs);
      first.run();
    }
  }

  /** Runs until all calls have ended. Returns what each resolved to, or rejected with, and when. */
  async ends<Result>(calls: readonly Promise<Result>[]): Promise<End<Result>[]> {
    const ends: End<Result>[] = [];
    let count = 0;
    for (const [place, call] of calls.entries()) {
      const end = (how: { result: Result } | { error: unknown }) => {
        ends[place] = { ...how, atMs: this.nowMs } as End<Result>;
        count += 1;
      };
      call.then(
        (result) => end({ result }),
        (error) => end({ error }),
      );
    }
    await this.runUntil(() => count >= calls.length);
    return ends;
  }

  /** Runs until a call has resolved. Throws what it rejects with. */
  async result<Result>(call: Promise<Result>): Promise<Result> {
    const [end] = await this.ends([call]);
    if (end === undefined || 'error' in end) throw end?.error;
    return end.result;
  }

  /** Runs until no timer is left. */
  async runToEnd(): Promise<void> {
    await this.runUntil(() => this.timers.length === 0);
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The clock of the service. The clock of the operator's computer may be wrong, so nothing on the page reads it. */

/**
 * Where a time comes from. The database decides when a sale opens. The clock of a node, which each answer has, serves until
 * the time of the database is known.
 */
export type TimeSource = 'database' | 'node';

type Observation = { source: TimeSource; offsetMs: number; errorMs: number; atMs: number };

// Quartz drifts by up to some 100 ppm, and a clock that is adjusted by up to 500 ppm.
const driftPerMs = 600e-6;
const databaseMaxAgeMs = 60_000;

/** Finds the time of the service from what it says its time is. Of these observations the most exact one counts. */
export class ServerClock {
  private readonly monotonicMs: () => number;
  private best: Observation | undefined;

  /** `monotonicMs` is a clock that never goes back. */
  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs;
  }

  /**
   * Takes in a time of the service, in milliseconds since 1970. The service read it after the monotonic time `sentAtMs`, and
   * it may be off by `errorMs`.
   */
  observe(
    serverMs: number,
    { sentAtMs, source, errorMs = 0 }: { sentAtMs: number; source: TimeSource; errorMs?: number },
  ): void {
    const atMs = this.monotonicMs();
    const halfTripMs = (atMs - sentAtMs) / 2;
    const offsetMs = serverMs + halfTripMs - atMs;
    const next = { source, offsetMs, errorMs: errorMs + halfTripMs, atMs };
    if (this.isBetter(next)) this.best = next;
  }

  private isBetter(next: Observation): boolean {
    const { best } = this;
    if (best === undefined) return true;
    const ageMs = next.atMs - best.atMs;
    // The clocks of a node and of the database may differ.
    if (next.source === 'node' && best.source === 'database' && ageMs < databaseMaxAgeMs) {
      return false;
    }
    const errorMs = best.errorMs + ageMs * driftPerMs;
    // Where both cannot be true, the clock of the service was set.
    const isStep = Math.abs(next.offsetMs - best.offsetMs) > next.errorMs + errorMs;
    return isStep || next.errorMs <= errorMs;
  }

  /** The time of the service, in milliseconds since 1970, and how far it may be off. Undefined before the first observation. */
  read(): { serverMs: number; errorMs: number } | undefined {
    if (this.best === undefined) return undefined;
    const { offsetMs, errorMs, atMs } = this.best;
    const nowMs = this.monotonicMs();
    return { serverMs: nowMs + offsetMs, errorMs: errorMs + (nowMs - atMs) * driftPerMs };
  }
}

/** The clock of the service that the page comes from. */
export const serverClock = new ServerClock(() => performance.now());

/** The time of the service, in milliseconds since 1970. Undefined before its first answer. */
export function serverNowMs(): number | undefined {
  return serverClock.read()?.serverMs;
}

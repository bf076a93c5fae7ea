// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { DatabaseAwayError } from './ports.ts';

// A lasting problem is logged again after this time, so that the end of the log shows it.
const quietMs = 60_000;

/** What a duty repeats while it holds its lease. */
export type Repeated = {
  clock: Clock;
  everyMs: number;
  /** Ends the repetition. */
  signal: AbortSignal;
  /** Its rejection is reported, and the next one follows. */
  look(): Promise<void>;
  report(error: unknown): void;
};

/** Calls `look`, and again `everyMs` after its end, until the signal aborts. Never rejects. */
export async function repeat({ clock, everyMs, signal, look, report }: Repeated): Promise<void> {
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      report(error);
    }
    await clock.sleep(everyMs, signal);
  }
}

/** Logs the failures of a duty, at most once a minute, and none of a database that is away: the log of outages has that. */
export function createFailureReport(options: {
  clock: Pick<Clock, 'nowMs'>;
  warn(event: Record<string, unknown>, message: string): void;
  message: string;
}): (error: unknown) => void {
  const { clock, warn, message } = options;
  let reportedMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (error instanceof DatabaseAwayError || clock.nowMs() - reportedMs < quietMs) return;
    reportedMs = clock.nowMs();
    warn({ err: error }, message);
  };
}

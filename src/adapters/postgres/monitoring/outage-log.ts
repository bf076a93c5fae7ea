// SPDX-License-Identifier: GPL-3.0-or-later

import { messageOf } from '../../../core/error-message.ts';
import { refusesWrites } from '../connections/verify-session.ts';
import type { DatabaseFault } from '../errors/pg-error.ts';

// A single broken connection is no outage, and a server that comes and goes must not fill the log.
const failingMsMin = 1000;
// A read-only primary answers reads between the claims that it refuses.
const noWritesRepeatMs = 60_000;

/** Logs once that the database is gone and once that it is back, judging by the results of statements. */
export class OutageLog {
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private readonly nowMs: () => number;
  /** When the first of the failures since the last answer happened. */
  private failingSinceMs: number | undefined;
  private isLogged = false;
  /** When it was last logged that the server accepts no writes. */
  private noWritesLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    warn(event: Record<string, unknown>, message: string): void;
    nowMs(): number;
  }) {
    this.warn = options.warn;
    this.nowMs = options.nowMs;
  }

  /** The server answered a statement, perhaps with a refusal. */
  answered(): void {
    if (this.failingSinceMs === undefined) return;
    const goneMs = Math.round(this.nowMs() - this.failingSinceMs);
    if (this.isLogged) this.warn({ goneMs }, 'the database answers again');
    this.failingSinceMs = undefined;
    this.isLogged = false;
  }

  /** A statement could not be run, or its answer was lost. */
  failed(fault: DatabaseFault): void {
    if (this.isLogged) return;
    const nowMs = this.nowMs();
    this.failingSinceMs ??= nowMs;
    const isLong = nowMs - this.failingSinceMs >= failingMsMin;
    const reason = messageOf(fault.cause);
    if (refusesWrites(fault)) {
      // Logged at once, because the server itself says so.
      if (!isLong && nowMs - this.noWritesLoggedMs < noWritesRepeatMs) return;
      this.noWritesLoggedMs = nowMs;
      this.warn({ reason }, 'the database server takes no writes: it is a standby or read-only');
    } else {
      if (!isLong) return;
      this.warn({ reason }, 'the database is gone: no statement was answered for a second or more');
    }
    this.isLogged = true;
  }
}

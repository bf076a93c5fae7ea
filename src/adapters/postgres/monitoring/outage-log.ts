// SPDX-License-Identifier: GPL-3.0-or-later

import { takesNoWrites } from '../connections/verify-session.ts';
import type { DatabaseFault } from '../errors/pg-error.ts';
import { messageOf } from '../start/start-connection.ts';

// One connection that breaks is no outage, and whoever goes and comes fills no log.
const failingMsMin = 1000;
// A primary that is read-only answers reads between the claims that it refuses.
const noWritesQuietMs = 60_000;

/** Tells once that the database is gone, and once that it is back, from what becomes of the statements. */
export class OutageLog {
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private readonly nowMs: () => number;
  /** When the first statement failed after which none was answered. */
  private failingSinceMs: number | undefined;
  private isTold = false;
  /** When a server that takes no writes was last logged. */
  private noWritesLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    warn(event: Record<string, unknown>, message: string): void;
    nowMs(): number;
  }) {
    this.warn = options.warn;
    this.nowMs = options.nowMs;
  }

  /** A statement was answered, be it with a refusal. */
  answered(): void {
    if (this.failingSinceMs === undefined) return;
    const goneMs = Math.round(this.nowMs() - this.failingSinceMs);
    if (this.isTold) this.warn({ goneMs }, 'the database answers again');
    this.failingSinceMs = undefined;
    this.isTold = false;
  }

  /** A statement could not be run, or its answer was lost. */
  failed(fault: DatabaseFault): void {
    if (this.isTold) return;
    const nowMs = this.nowMs();
    this.failingSinceMs ??= nowMs;
    const isLong = nowMs - this.failingSinceMs >= failingMsMin;
    const reason = messageOf(fault.cause);
    if (takesNoWrites(fault)) {
      // No second has to pass: the server itself says so.
      if (!isLong && nowMs - this.noWritesLoggedMs < noWritesQuietMs) return;
      this.noWritesLoggedMs = nowMs;
      this.warn({ reason }, 'the database server takes no writes: it is a standby or read-only');
    } else {
      if (!isLong) return;
      this.warn({ reason }, 'the database is gone: no statement was answered for a second or more');
    }
    this.isTold = true;
  }
}

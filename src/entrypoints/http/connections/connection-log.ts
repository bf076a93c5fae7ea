// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Why a connection was closed to stay within `HTTP_CONNECTIONS_MAX`.
 *
 * - `idle`: it waited for its next request.
 * - `silent`: it had sent nothing since it was opened.
 * - `slow`: its request was slow to arrive.
 * - `refused`: it was beyond the limit, and its request was refused.
 * - `dropped`: too many connections were beyond the limit.
 */
export type CloseReason = 'idle' | 'silent' | 'slow' | 'refused' | 'dropped';

/** How many connections were closed for each reason. */
export type CloseCounts = Record<CloseReason, number>;

// How long the first line waits, so that its counts cover more than one connection.
const gatherMs = 1000;
const quietMs = 60_000;

/** Counts the connections that the limit closes, and logs the counts in one line a minute. */
export class ConnectionLog {
  /** Since the start. */
  readonly totals = noCounts();
  private pending = noCounts();
  private timer: NodeJS.Timeout | undefined;
  private loggedMs = Number.NEGATIVE_INFINITY;
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private readonly facts: () => Record<string, unknown>;
  private readonly nowMs: () => number;

  constructor(options: {
    warn(event: Record<string, unknown>, message: string): void;
    /** Members of each line besides the counts. */
    facts(): Record<string, unknown>;
    nowMs(): number;
  }) {
    this.warn = options.warn;
    this.facts = options.facts;
    this.nowMs = options.nowMs;
  }

  count(reason: CloseReason): void {
    this.totals[reason] += 1;
    this.pending[reason] += 1;
    if (this.timer !== undefined) return;
    const waitMs = Math.max(gatherMs, this.loggedMs + quietMs - this.nowMs());
    this.timer = setTimeout(() => this.write(), waitMs);
    this.timer.unref();
  }

  /** Writes the counts that are not logged yet, when the service ends. */
  end(): void {
    if (this.timer !== undefined) this.write();
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.loggedMs = this.nowMs();
    const counts = this.pending;
    this.pending = noCounts();
    this.warn(
      { ...this.facts(), closed: counts },
      'too many connections: see who holds them, or raise HTTP_CONNECTIONS_MAX',
    );
  }
}

function noCounts(): CloseCounts {
  return { idle: 0, silent: 0, slow: 0, refused: 0, dropped: 0 };
}

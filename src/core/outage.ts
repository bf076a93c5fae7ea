// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from './clock.ts';

/** Where an outage is reported. */
export type OutageLog = { warn(event: Record<string, unknown>, message: string): void };

/** What the log says of a server. */
export type OutageTexts = { away: string; back: string; refused: string };

// A single slow answer is no outage for an operator, and a server that comes and goes must not fill the log.
const loggedMsMin = 1_000;
// A lasting problem is logged again after this time, so that the end of the log shows it.
const quietMs = 60_000;

/** Whether an optional server answers. Logs once that it is away, and once that it answers again. */
export class Outage {
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly log: OutageLog;
  private readonly texts: OutageTexts;
  /** Until the first answer it counts as away. */
  private awaySinceMs: number | undefined;
  private isLogged = false;
  private refusedLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'nowMs'>, log: OutageLog, texts: OutageTexts) {
    this.clock = clock;
    this.log = log;
    this.texts = texts;
    this.awaySinceMs = clock.nowMs();
  }

  get isAway(): boolean {
    return this.awaySinceMs !== undefined;
  }

  /** A call or a connection has failed. Repeated while it lasts, or nothing is logged; nor is it without a reason. */
  failed(reason: string | undefined): void {
    const nowMs = this.clock.nowMs();
    this.awaySinceMs ??= nowMs;
    if (reason === undefined || this.isLogged || nowMs - this.awaySinceMs < loggedMsMin) return;
    this.isLogged = true;
    this.log.warn({ reason }, this.texts.away);
  }

  answered(): void {
    if (this.awaySinceMs === undefined) return;
    const awayMs = Math.round(this.clock.nowMs() - this.awaySinceMs);
    if (this.isLogged) this.log.warn({ awayMs }, this.texts.back);
    this.awaySinceMs = undefined;
    this.isLogged = false;
  }

  /** The server has answered a command with an error. */
  refused(reason: string): void {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.refusedLoggedMs < quietMs) return;
    this.refusedLoggedMs = nowMs;
    this.log.warn({ reason }, this.texts.refused);
  }
}

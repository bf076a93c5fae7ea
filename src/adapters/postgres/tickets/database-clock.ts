// SPDX-License-Identifier: GPL-3.0-or-later

import type { Clock } from '../../../core/clock.ts';
import { invariant } from '../../../core/invariant.ts';
import type { DatabaseClock } from '../../../core/tickets/ports.ts';
import type { Database } from '../database.ts';
import { throwAsReadError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const readClock = statement('read-clock');

/**
 * The clock of the database. The server reads its clock before its answer arrives here, so what the answer says, plus the
 * time since its arrival, is never later than the server's clock, unless that is set back.
 */
export class PostgresDatabaseClock implements DatabaseClock {
  private readonly database: Database;
  private readonly clock: Pick<Clock, 'nowMs'>;
  /** What to add to this node's clock. */
  private offsetMs: number | undefined;
  /** Measurements that began before the last change of the server do not count. */
  private changes = 0;
  /** The measurement under way, if the server has not changed since its start. */
  private measuring: Promise<number> | undefined;

  constructor(database: Database, clock: Pick<Clock, 'nowMs'>) {
    this.database = database;
    this.clock = clock;
  }

  nowMs(): number | undefined {
    return this.offsetMs === undefined ? undefined : Math.floor(this.clock.nowMs() + this.offsetMs);
  }

  /** Calls at the same time share a measurement: while the clock is unknown, each new claim needs one. */
  measure(): Promise<number> {
    if (this.measuring !== undefined) return this.measuring;
    const measuring = this.read().finally(() => {
      if (this.measuring === measuring) this.measuring = undefined;
    });
    this.measuring = measuring;
    return measuring;
  }

  private async read(): Promise<number> {
    const { changes } = this;
    const [row] = await this.database.run<{ ms: number }>(readClock, []).catch(throwAsReadError);
    invariant(row, 'the server has a clock');
    if (changes === this.changes) this.offsetMs = row.ms - this.clock.nowMs();
    return row.ms;
  }

  /** For when another server may have taken over. */
  forget(): void {
    this.offsetMs = undefined;
    this.changes += 1;
    this.measuring = undefined;
  }
}

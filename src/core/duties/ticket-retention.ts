// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { OutcomeRetentionStore } from '../outcomes/ports.ts';
import type { Duty, Lease } from './ports.ts';
import { createFailureReport, repeat } from './repeat.ts';

/** Deletes tickets past their retention, each call in one bounded transaction. Rejects as `DutyLeases` does. */
export type TicketRetentionStore = {
  /**
   * Deletes those among a slice of tickets after a claim id, or among the first ones. `next` is the id after which the next
   * slice begins; undefined at the end. `lease_lost`: nothing was deleted.
   */
  deleteOld(
    lease: Lease,
    after: string | undefined,
  ): Promise<{ deleted: number; next: string | undefined } | 'lease_lost'>;
};

const lookEveryMs = 60_000;

/** Deletes the final states of tickets, and counts of outcomes, once nobody can read them any more. */
export class TicketRetention implements Duty {
  readonly name = 'ticket_retention';
  private readonly store: TicketRetentionStore;
  private readonly outcomes: OutcomeRetentionStore;
  private readonly clock: Clock;
  private readonly report: (error: unknown) => void;
  private deletedCount = 0;

  constructor(options: {
    store: TicketRetentionStore;
    outcomes: OutcomeRetentionStore;
    clock: Clock;
    warn(event: Record<string, unknown>, message: string): void;
  }) {
    this.store = options.store;
    this.outcomes = options.outcomes;
    this.clock = options.clock;
    this.report = createFailureReport({
      ...{ clock: options.clock, warn: options.warn },
      message: 'old tickets and counts of outcomes could not be deleted; it is tried again',
    });
  }

  /** Tickets that this process has deleted since its start. */
  get deleted(): number {
    return this.deletedCount;
  }

  begin(lease: Lease): () => Promise<void> {
    const stopping = new AbortController();
    const ended = repeat({
      ...{ clock: this.clock, everyMs: lookEveryMs, signal: stopping.signal },
      ...{ report: this.report, look: () => this.look(lease, stopping) },
    });
    return async () => {
      stopping.abort();
      await ended;
    };
  }

  private async look(lease: Lease, stopping: AbortController): Promise<void> {
    let after: string | undefined;
    do {
      const slice = await this.store.deleteOld(lease, after);
      if (slice === 'lease_lost') return stopping.abort();
      this.deletedCount += slice.deleted;
      after = slice.next;
    } while (after !== undefined && !stopping.signal.aborted);
    let hasMore = true;
    while (hasMore && !stopping.signal.aborted) {
      const slice = await this.outcomes.deleteOld(lease);
      if (slice === 'lease_lost') return stopping.abort();
      hasMore = slice.hasMore;
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  DatabaseClock,
  TicketMetrics,
  TicketResults,
  TicketStore,
} from '../../src/core/tickets/ports.ts';
import type {
  Ticket,
  TicketIds,
  TicketProblem,
  TicketResult,
} from '../../src/core/tickets/ticket.ts';

/** Final states in memory. */
export class FakeTicketStore implements TicketStore {
  readonly results = new Map<string, TicketResult | 'gone'>();
  /** Tickets that a read without a stored state finds expired. */
  readonly pastTime = new Set<string>();
  /** Each call with the ids that it names. */
  readonly calls: string[] = [];
  isAway = false;

  async read({ claimId }: Ticket): Promise<TicketResult | 'accepted' | 'gone'> {
    this.call(`read ${claimId}`);
    if (!this.results.has(claimId) && this.pastTime.has(claimId)) {
      this.results.set(claimId, { state: 'expired' });
    }
    return this.results.get(claimId) ?? 'accepted';
  }

  async readMany(claimIds: readonly string[]): Promise<ReadonlyMap<string, TicketResult>> {
    this.call(`readMany ${claimIds.join(' ')}`);
    return new Map(
      claimIds.flatMap((claimId) => {
        const result = this.results.get(claimId);
        return result === undefined || result === 'gone' ? [] : [[claimId, result]];
      }),
    );
  }

  async fail({ claimId }: Ticket, problem: TicketProblem): Promise<TicketResult> {
    this.call(`fail ${claimId}`);
    const stored = this.results.get(claimId);
    if (stored !== undefined && stored !== 'gone') return stored;
    const result: TicketResult = { state: 'failed', problem };
    this.results.set(claimId, result);
    return result;
  }

  private call(text: string): void {
    this.calls.push(text);
    if (this.isAway) throw new Error('the database is away');
  }
}

/** A clock of the database that a test sets. */
export class FakeDatabaseClock implements DatabaseClock {
  /** Undefined: not measured yet. */
  ms: number | undefined = 1_000;
  /** What a measurement finds; undefined: the database does not answer. */
  measuredMs: number | undefined = 1_000;

  nowMs(): number | undefined {
    return this.ms;
  }

  async measure(): Promise<number> {
    if (this.measuredMs === undefined) throw new Error('the database does not answer');
    this.ms = this.measuredMs;
    return this.measuredMs;
  }
}

/** Ticket ids that show what they are for. */
export const fakeTicketIds: TicketIds = {
  create: ({ claimId, acceptedAtMs }, userId) => `ticket-${claimId}-${acceptedAtMs}-${userId}`,
  read(ticketId) {
    const [, claimId, ms, user] = /^ticket-(.+)-(\d+)-(.+)$/.exec(ticketId) ?? [];
    if (claimId === undefined) return undefined;
    return { claimId, acceptedAtMs: Number(ms), belongsTo: (userId) => userId === user };
  },
};

/** Replies of decided tickets to other nodes. */
export class FakeTicketResults implements TicketResults {
  address: string | undefined = 'node-1';
  /** What was sent, a message each. */
  readonly sent: [address: string, claimIds: string[]][] = [];

  send(address: string, results: readonly (readonly [claimId: string, TicketResult])[]): void {
    this.sent.push([address, results.map(([claimId]) => claimId)]);
  }

  onResults(): void {}
}

/** Metrics that note each call as text. */
export function noteTicketMetrics(): { metrics: TicketMetrics; noted: string[] } {
  const noted: string[] = [];
  const metrics: TicketMetrics = {
    accepted: () => noted.push('accepted'),
    refused: (result) => noted.push(`refused ${result}`),
    waitEnded: (end) => noted.push(`ended ${end}`),
    foundByPoll: () => noted.push('found by poll'),
    settled: (result, couponName) => {
      const outcome = result.state === 'decided' ? result.outcome.outcome : result.state;
      noted.push(`settled ${outcome} of ${couponName}`);
    },
    attemptFailed: (next) => noted.push(`failed ${next}`),
    paused: () => noted.push('paused'),
  };
  return { metrics, noted };
}

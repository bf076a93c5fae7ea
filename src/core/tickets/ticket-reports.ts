// SPDX-License-Identifier: GPL-3.0-or-later
import type { TicketDecision } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import type { TicketMetrics, TicketResults } from './ports.ts';
import type { QueuedClaim, TicketResult } from './ticket.ts';
import type { TicketWaiters } from './ticket-waiters.ts';

/** What the reports need. */
export type TicketReportsOptions = {
  results: Pick<TicketResults, 'address' | 'send'>;
  waiters: Pick<TicketWaiters, 'resolve'>;
  clock: Pick<Clock, 'atEndOfTurn'>;
  metrics: Pick<TicketMetrics, 'settled'>;
};

/** Reports final states of tickets to the requests that wait for them, here and at other nodes, and counts them. */
export class TicketReports {
  private readonly options: TicketReportsOptions;
  /** Results for other nodes that are sent at the end of this turn of the event loop, by address. */
  private replies = new Map<string, (readonly [claimId: string, TicketResult])[]>();

  constructor(options: TicketReportsOptions) {
    this.options = options;
  }

  /** Reports what the lane has decided. */
  decided(claim: QueuedClaim, outcome: TicketDecision): void {
    if (outcome.outcome === 'ticket_failed') {
      this.report(claim, { state: 'failed', problem: outcome.problem });
    } else if (outcome.outcome === 'ticket_expired') {
      this.report(claim, { state: 'expired' });
    } else {
      this.report(claim, { state: 'decided', outcome });
    }
  }

  /** Reports a final state. */
  report({ claimId, couponName, replyTo }: QueuedClaim, result: TicketResult): void {
    const { clock, metrics, results, waiters } = this.options;
    metrics.settled(result, couponName);
    waiters.resolve(claimId, result);
    if (replyTo === undefined || replyTo === results.address) return;
    if (this.replies.size === 0) clock.atEndOfTurn(() => this.sendReplies());
    const replies = this.replies.get(replyTo);
    if (replies === undefined) this.replies.set(replyTo, [[claimId, result]]);
    else replies.push([claimId, result]);
  }

  private sendReplies(): void {
    const { replies } = this;
    this.replies = new Map();
    for (const [address, results] of replies) this.options.results.send(address, results);
  }
}

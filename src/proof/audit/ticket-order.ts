// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from './columns.ts';
import type { Evidence } from './evidence.ts';
import { isInFault } from './fault-times.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { showsFinalState, type TicketRecord } from './ticket-records.ts';
import type { RuleFindings } from './verdict.ts';

/** A ticket of a claim that was answered with 202, and the events that show when it was accepted and decided. */
type Accepted = {
  claim: number;
  begun: number;
  accepted: number;
  /** The first event that shows what was decided; `never` without one. */
  decided: number;
  /** The start of the last request that was answered with `accepted`; -1 without one. */
  stillOpen: number;
  /** Undefined unless it has won. */
  position: number | undefined;
};

/**
 * Tickets of one coupon that one node has accepted are decided in that order: when a later one was decided, an earlier one
 * is not open any more, and the positions of those that won are in that order. A fault may end the order, so tickets that
 * were under way during one are left out.
 */
export function checkTicketOrder(
  evidence: Evidence,
  records: readonly TicketRecord[],
  findings: RuleFindings,
): void {
  for (const accepted of byCouponAndNode(evidence, records)) {
    checkPositions(evidence.history, accepted, findings);
    checkOpen(evidence.history, accepted, findings);
  }
}

function byCouponAndNode(evidence: Evidence, records: readonly TicketRecord[]): Accepted[][] {
  const { history } = evidence;
  const groups = new Map<string, Accepted[]>();
  for (const record of records) {
    const [claim] = record.claims;
    if (claim === undefined || !history.isAccepted(claim) || isInFault(evidence, claim)) continue;
    const key = `${history.coupon.at(claim)} ${history.node.at(claim)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [toAccepted(history, claim, record)]);
    else group.push(toAccepted(history, claim, record));
  }
  return [...groups.values()];
}

function toAccepted(
  history: RecordedHistory,
  claim: number,
  { reads, row }: TicketRecord,
): Accepted {
  const accepted = history.acceptedEvent.at(claim);
  const one: Accepted = {
    ...{ claim, begun: history.begunEvent.at(claim), accepted },
    ...{ decided: never, stillOpen: -1 },
    position: row?.outcome === 'claimed' ? (row.position ?? undefined) : undefined,
  };
  for (const op of reads) {
    if (history.ticketState(op) === 'accepted') {
      one.stillOpen = Math.max(one.stillOpen, history.begunEvent.at(op));
    } else if (history.ticketState(op) === 'decided' && showsFinalState(history, op)) {
      one.decided = Math.min(one.decided, history.endEvent(op));
    }
  }
  return one;
}

/** Goes along the requests, with the highest position among the tickets that were accepted before each. */
function checkPositions(
  history: RecordedHistory,
  group: readonly Accepted[],
  findings: RuleFindings,
): void {
  const winners = group.filter(({ position }) => position !== undefined);
  const byAccepted = winners.toSorted((a, b) => a.accepted - b.accepted);
  const byBegun = winners.toSorted((a, b) => a.begun - b.begun);
  let before: Accepted | undefined;
  let next = 0;
  for (const one of byBegun) {
    for (; next < byAccepted.length; next += 1) {
      const earlier = byAccepted[next] as Accepted;
      if (earlier.accepted > one.begun) break;
      if ((earlier.position ?? 0) > (before?.position ?? 0)) before = earlier;
    }
    const first = before;
    if (first === undefined || (first.position ?? 0) < (one.position ?? 0)) continue;
    findings.violation(() => {
      const earlier = `${history.describe(first.claim)} was accepted before`;
      return `${history.describe(one.claim)}: got position ${one.position}, but ${earlier} and got ${first.position}`;
    });
  }
}

/** Goes back along the requests, with the first of all later tickets that was decided. */
function checkOpen(
  history: RecordedHistory,
  group: readonly Accepted[],
  findings: RuleFindings,
): void {
  const byAccepted = group.toSorted((a, b) => b.accepted - a.accepted);
  const byBegun = group.toSorted((a, b) => b.begun - a.begun);
  let decided: Accepted | undefined;
  let next = 0;
  for (const one of byAccepted) {
    for (; next < byBegun.length; next += 1) {
      const later = byBegun[next] as Accepted;
      if (later.begun < one.accepted) break;
      if (later.decided < (decided?.decided ?? never)) decided = later;
    }
    const first = decided;
    if (first === undefined || one.stillOpen < first.decided) continue;
    findings.violation(() => {
      const later = `${history.describe(first.claim)}, which was accepted later, was decided`;
      return `${history.describe(one.claim)}: its ticket was open after ${later}`;
    });
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedTicket } from '../../dump.ts';
import { counted } from '../../numbers.ts';
import { never } from '../columns.ts';
import type { Evidence, StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { checkTicketOrder } from '../ticket-order.ts';
import {
  showsFinalState,
  storedState,
  type TicketRecord,
  ticketRecords,
} from '../ticket-records.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

const hourMs = 3_600_000;

/**
 * R14. A claim that was answered with 202 has one ticket, which gets exactly one final state:
 * - each read after the final state shows the same one, with the same result, as the tables do; before, it is accepted;
 * - a ticket that has won owns exactly one claim, and any other owns none, so an expired one never wins;
 * - no ticket fails, since clients send valid claims only;
 * - outside of faults, tickets of a coupon that one node has accepted are decided in that order, and none is left out.
 */
export function ticketsEndOnce(evidence: Evidence): RuleReport {
  const { history, dump } = evidence;
  const findings = new RuleFindings(
    'R14',
    'each ticket has one final state, and at most one claim',
    'no claim was answered with a ticket',
  );
  const records = ticketRecords(evidence);
  for (const record of records) {
    findings.checked += 1;
    checkClaims(history, record, findings);
    checkReads(history, record, findings);
    checkEnd(history, record, findings);
  }
  checkRows(evidence, findings);
  checkTicketOrder(evidence, records, findings);
  noteOpen(history, records, findings);
  const expired = dump.tickets?.filter((row) => storedState(row) === 'expired').length ?? 0;
  if (expired > 0) findings.note(`${counted(expired, 'ticket')} expired`);
  return findings.end();
}

function checkClaims(
  history: RecordedHistory,
  { ticketId, claims }: TicketRecord,
  findings: RuleFindings,
): void {
  const [first, second] = claims;
  if (first === undefined) {
    findings.violation(() => `ticket ${ticketId} was read, but no answer named it`);
  } else if (second !== undefined) {
    const names = `names the ticket of ${history.describe(first)}`;
    findings.violation(() => `${history.describe(second)}: ${names}`);
  }
}

function checkReads(
  history: RecordedHistory,
  { reads }: TicketRecord,
  findings: RuleFindings,
): void {
  let final: number | undefined;
  for (const op of reads) {
    if (history.outcome(op) === 'ticket_not_found') {
      findings.violation(() => `${history.describe(op)}: the ticket had been accepted`);
    }
    if (!showsFinalState(history, op)) continue;
    const isOther =
      final !== undefined &&
      (history.ticketState(op) !== history.ticketState(final) ||
        history.result.at(op) !== history.result.at(final));
    if (isOther) {
      findings.violation(
        () => `${history.describe(op)}: shows another result than ${history.describe(final ?? op)}`,
      );
    }
    if (final === undefined || history.endEvent(op) < history.endEvent(final)) final = op;
  }
  const shown = final === undefined ? never : history.endEvent(final);
  for (const op of reads) {
    if (history.ticketState(op) !== 'accepted' || history.begunEvent.at(op) < shown) continue;
    findings.violation(
      () => `${history.describe(op)}: comes after ${history.describe(final ?? op)}`,
    );
  }
}

/** Compares the final state that clients saw with the stored one. */
function checkEnd(
  history: RecordedHistory,
  { ticketId, claims, reads, claimId, row }: TicketRecord,
  findings: RuleFindings,
): void {
  const [claim] = claims;
  const last = reads.find((op) => showsFinalState(history, op));
  if (last === undefined || claim === undefined) return;
  const report = (what: string) => findings.violation(() => `${history.describe(claim)}: ${what}`);
  const state = history.ticketState(last);
  if (state === 'failed') report('its ticket failed, although the claim is valid');
  if (claimId === undefined) {
    findings.undecided(`the id ${ticketId} has a layout that this audit does not know`);
  } else if (row === undefined) {
    report(`its ticket was shown as ${state}, but has no stored final state`);
  } else if (storedState(row) !== state) {
    report(`its ticket was shown as ${state}, stored is ${row.outcome}`);
  } else if (history.isAccepted(claim) && state === 'decided') {
    const problem = resultProblem(history, claim, row);
    if (problem !== undefined) report(problem);
  }
}

/** Compares the answer to the claim, which is that of its ticket, with the stored row. */
function resultProblem(
  history: RecordedHistory,
  claim: number,
  row: DumpedTicket,
): string | undefined {
  const outcome = history.outcome(claim);
  if (history.isOpen(claim) || outcome === 'ticket_open') return undefined;
  if (outcome !== row.outcome) return `was shown as ${outcome}, stored is ${row.outcome}`;
  const shown = history.claimIds.text(history.claimId.at(claim));
  const stored = row.position === null ? undefined : (row.held_claim_id ?? row.claim_id);
  return shown === undefined || shown === stored
    ? undefined
    : `showed claim ${shown}, stored is ${stored ?? 'none'}`;
}

/** Compares the stored tickets with the stored claims. */
function checkRows({ sales, dump }: Evidence, findings: RuleFindings): void {
  const { tickets } = dump;
  if (tickets === undefined) return;
  const claims = new Map<string, StoredClaim[]>();
  for (const held of sales.flatMap((sale) => sale.held)) {
    const { claim_id: id } = held.claim;
    const others = claims.get(id);
    if (others === undefined) claims.set(id, [held]);
    else others.push(held);
  }
  const seen = new Set<string>();
  for (const row of tickets) {
    const report = (what: string) =>
      findings.violation(() => `ticket of claim ${row.claim_id} (${row.outcome}): ${what}`);
    if (seen.has(row.claim_id)) report('is stored twice');
    seen.add(row.claim_id);
    const owned = claims.get(row.claim_id) ?? [];
    if (row.outcome !== 'claimed') {
      if (owned.length > 0) report('owns a claim');
    } else if (owned.length === 1) {
      const [{ claim }] = owned as [StoredClaim];
      const isSame =
        claim.coupon_id === row.coupon_id &&
        claim.user_id === row.user_id &&
        claim.position === row.position;
      if (!isSame)
        report(`shows position ${row.position} of ${row.user_id}, not that of its claim`);
    } else report(`owns ${counted(owned.length, 'claim')}`);
  }
}

/** A ticket that nobody has read in its final state has one in the tables, or it is too early to judge. */
function noteOpen(
  history: RecordedHistory,
  records: readonly TicketRecord[],
  findings: RuleFindings,
): void {
  let open = 0;
  for (const { claims, reads, row } of records) {
    const [claim] = claims;
    const isKnown = row !== undefined || reads.some((op) => showsFinalState(history, op));
    if (claim === undefined || isKnown || !history.isAccepted(claim)) continue;
    const sinceMs = history.eventMs.at(history.acceptedEvent.at(claim));
    const waitedMs = Math.min(history.endMs(claim), history.lastMs) - sinceMs;
    if (waitedMs < hourMs) open += 1;
    else findings.violation(() => `${history.describe(claim)}: its ticket has no final state`);
  }
  if (open === 0) return;
  findings.undecided(`${counted(open, 'ticket')} had no final state when the recording ended`);
}

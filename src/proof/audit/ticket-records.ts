// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedTicket } from '../dump.ts';
import { absent } from './columns.ts';
import type { Evidence } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { claimIdIn } from './ticket-id.ts';

/** What clients saw of one ticket, and its stored row. */
export type TicketRecord = {
  ticketId: string;
  /** The claims whose answer named it: one, unless something is wrong. */
  claims: number[];
  /** The requests that read it, in order of invocation. */
  reads: number[];
  /** The claim of the ticket; undefined where the id has a layout that the audit does not know. */
  claimId: string | undefined;
  /** Its final state in the tables; undefined without a row. */
  row: DumpedTicket | undefined;
};

/** The tickets of the history. */
export function ticketRecords({ history, dump }: Pick<Evidence, 'history' | 'dump'>) {
  const rows = new Map((dump.tickets ?? []).map((row) => [row.claim_id, row]));
  const records = new Map<number, TicketRecord>();
  for (let op = 0; op < history.count; op += 1) {
    const number = history.ticketId.at(op);
    if (number === absent) continue;
    const record = records.get(number) ?? newRecord(history, number, rows);
    records.set(number, record);
    if (history.operation(op) === 'read_ticket') record.reads.push(op);
    else record.claims.push(op);
  }
  return [...records.values()];
}

function newRecord(
  history: RecordedHistory,
  number: number,
  rows: ReadonlyMap<string, DumpedTicket>,
): TicketRecord {
  const ticketId = history.ticketIds.text(number) ?? '';
  const claimId = claimIdIn(ticketId);
  const row = claimId === undefined ? undefined : rows.get(claimId);
  return { ticketId, claims: [], reads: [], claimId, row };
}

/** The state that a row stores. */
export function storedState({ outcome }: DumpedTicket): 'decided' | 'expired' | 'failed' {
  if (outcome === 'ticket_expired') return 'expired';
  return outcome === 'ticket_failed' ? 'failed' : 'decided';
}

/** Whether the answer shows a final state. */
export function showsFinalState(history: RecordedHistory, op: number): boolean {
  const state = history.ticketState(op);
  return state !== undefined && state !== 'accepted';
}

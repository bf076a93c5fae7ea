// SPDX-License-Identifier: GPL-3.0-or-later
import { invariant } from '../../../core/invariant.ts';
import type { TicketStore } from '../../../core/tickets/ports.ts';
import type { TicketProblem, TicketResult } from '../../../core/tickets/ticket.ts';
import { type DecisionRow, toTicketDecision } from '../claim-decisions.ts';
import type { Database } from '../database.ts';
import { throwAsReadError } from '../errors/app-error.ts';
import { statement, withArrayRows } from '../statements.ts';
import type { TicketTimes } from './ticket-times.ts';

/** In the order of the columns in `sql/read-ticket.sql`. */
type TicketRow = [
  standing: 'gone' | 'accepted' | 'final',
  claimId: string,
  couponName: string | null,
  userId: string | null,
  outcome: DecisionRow[0],
  heldClaimId: string | null,
  position: number | null,
  claimedAt: string | null,
  opensAt: string | null,
  opensInSeconds: number | null,
  expiresAt: string | null,
  confirmedAt: string | null,
  redeemedAt: string | null,
  releasedAt: string | null,
  reason: string | null,
  sagaState: DecisionRow[12],
  problem: TicketProblem | null,
];

const readTicket = withArrayRows(statement('read-ticket'));
const findTickets = withArrayRows(statement('find-tickets'));
const failTicket = statement('fail-ticket');

/** Reads and ends tickets in PostgreSQL. Rejects with an `AppError`, `unavailable` while the database is away. */
export function postgresTicketStore(database: Database, times: TicketTimes): TicketStore {
  const { expiresSeconds, retentionSeconds } = times;
  const findMany = async (claimIds: readonly string[]) => {
    const rows = await database.run<TicketRow>(findTickets, [claimIds]).catch(throwAsReadError);
    return new Map(rows.map((row) => [row[1], toResult(row)]));
  };
  return {
    async read({ claimId, acceptedAtMs }) {
      const [row] = await database
        .run<TicketRow>(readTicket, [claimId, acceptedAtMs, expiresSeconds, retentionSeconds])
        .catch(throwAsReadError);
      invariant(row, 'a ticket has a standing');
      return row[0] === 'final' ? toResult(row) : row[0];
    },
    async readMany(claimIds) {
      return claimIds.length === 0 ? new Map() : await findMany(claimIds);
    },
    async fail({ claimId, acceptedAtMs }, problem) {
      await database
        .run(failTicket, [claimId, acceptedAtMs, JSON.stringify(problem), retentionSeconds])
        .catch(throwAsReadError);
      // None is stored past the retention. The ticket is gone then.
      return (await findMany([claimId])).get(claimId) ?? { state: 'failed', problem };
    },
  };
}

function toResult(row: TicketRow): TicketResult {
  const [, claimId, couponName, userId, outcome, heldClaimId, ...columns] = row;
  const [position, claimedAt, opensAt, opensInSeconds, expiresAt, confirmedAt, ...others] = columns;
  const [redeemedAt, releasedAt, reason, sagaState, problem] = others;
  const decision = toTicketDecision(
    { claimId, couponName: couponName ?? '', userId: userId ?? '' },
    [
      ...([outcome, 1, heldClaimId, position, claimedAt, opensAt, opensInSeconds] as const),
      ...([expiresAt, confirmedAt, redeemedAt, releasedAt, reason, sagaState] as const),
      ...([null, null, problem] as const),
    ],
  );
  switch (decision.outcome) {
    case 'ticket_expired':
      return { state: 'expired' };
    case 'ticket_failed':
      return { state: 'failed', problem: decision.problem };
    default:
      return { state: 'decided', outcome: decision };
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns the rows that the decision functions return into outcomes. */
import type { Claim, ClaimCommand, ClaimOutcome } from '../../core/claims/claim.ts';
import {
  type BatchCommand,
  type BatchOutcome,
  type ChangeDecision,
  type ClaimDecision,
  type CommittedChange,
  isChange,
  type SentChange,
  type TicketDecision,
} from '../../core/claims/ports.ts';
import { invariant } from '../../core/invariant.ts';
import type { SagaState } from '../../core/sagas/saga.ts';
import type { TicketProblem } from '../../core/tickets/ticket.ts';
import { type ClaimTimes, holdOf, sagaOf, toClaim, toMicroseconds } from './claim-rows.ts';

/** In the order of the columns in `sql/claim-batch.sql`, with those of `sql/decide-batch.sql` and `sql/claim-tickets.sql` at the end. */
export type DecisionRow = [
  outcome: BatchOutcome['outcome'],
  /** How many consecutive claims of the batch have this outcome; their positions count up. */
  claims: number,
  /** Of the claim that is stored; null when it is the one that was sent. */
  claimId: string | null,
  position: number | null,
  claimedAt: string | null,
  opensAt: string | null,
  opensInSeconds: number | null,
  expiresAt: string | null,
  confirmedAt: string | null,
  redeemedAt: string | null,
  releasedAt: string | null,
  reason: string | null,
  sagaState: SagaState | null,
  lastClaim?: (Partial<ClaimTimes> & { claim_id: string; position: number }) | null,
  /** A bigint, as a text. */
  announcedSeq?: string | null,
  problem?: TicketProblem | null,
];

/** A change that `resolve_batch` reads from the ledger, with the claim as the change left it; null stands for none. */
export type ResolvedRow = ClaimTimes & {
  settled: 'committed' | 'void';
  change: 'C' | 'R' | 'E' | 'U' | null;
  user_id: string;
  claim_id: string;
  position: number;
};

/** Who has claimed what. */
type Claimant = Pick<ClaimCommand, 'claimId' | 'couponName' | 'userId'>;

const changes = { C: 'confirm', R: 'release', E: 'release', U: 'redeem' } as const;

/** The outcomes of a batch, one for each command in its order. */
export function toOutcomes(
  commands: readonly BatchCommand[],
  rows: readonly DecisionRow[],
): BatchOutcome[] {
  if (rows.length === 0) return commands.map(() => ({ outcome: 'coupon_not_found' }));
  const outcomes: BatchOutcome[] = [];
  for (const row of rows) {
    for (let index = 0; index < row[1]; index += 1) {
      const command = commands[outcomes.length];
      invariant(command, 'a decision for each command of a batch, and no more');
      outcomes.push(
        isChange(command) ? toChangeDecision(command, row) : toClaimDecision(command, row, index),
      );
    }
  }
  return outcomes;
}

/** The changes that a committed batch has made. */
export function toCommittedChanges(
  couponName: string,
  rows: readonly ResolvedRow[],
): CommittedChange[] {
  return rows.flatMap((row) =>
    row.change === null ? [] : [{ change: changes[row.change], claim: toClaim(couponName, row) }],
  );
}

/** The outcome of a claim that wins. It is stored under the id that it was sent with. */
export function won(
  command: Claimant,
  position: number,
  claimedAt: string,
  expiresAt: string | null,
): ClaimOutcome {
  const claim: Claim = {
    claimId: command.claimId,
    couponName: command.couponName,
    userId: command.userId,
    position,
    claimedAt: toMicroseconds(claimedAt),
    state: expiresAt === null ? 'confirmed' : 'reserved',
  };
  if (expiresAt !== null) {
    Object.assign(claim, holdOf(expiresAt));
    Object.assign(claim, sagaOf({ claim_id: command.claimId, expires_at: expiresAt }));
  }
  return { outcome: 'claimed', claim };
}

/** The final state of a ticket. */
export function toTicketDecision(claimant: Claimant, row: DecisionRow): TicketDecision {
  const [outcome] = row;
  switch (outcome) {
    case 'ticket_expired':
      return { outcome };
    case 'ticket_failed':
      return { outcome, problem: row[15] as TicketProblem };
    default:
      return toClaimOutcome(claimant, row, 0);
  }
}

/** The decision of the claim at `index` among those that the row stands for. */
function toClaimDecision(
  command: ClaimCommand,
  row: DecisionRow,
  index: number,
): ClaimDecision | TicketDecision {
  const [outcome] = row;
  switch (outcome) {
    case 'no_position':
      return { outcome };
    case 'ticket_expired':
    case 'ticket_failed':
      return toTicketDecision(command, row);
    default:
      return toClaimOutcome(command, row, index);
  }
}

/** The outcome of the claim at `index` among those that the row stands for. */
function toClaimOutcome(command: Claimant, row: DecisionRow, index: number): ClaimOutcome {
  const [outcome, , claimId, position, claimedAt, opensAt, opensInSeconds, expiresAt] = row;
  switch (outcome) {
    case 'claimed':
      // With an id, this very claim was stored before, in a batch whose answer was lost.
      return claimId === null
        ? won(command, (position as number) + index, claimedAt as string, expiresAt)
        : { outcome, claim: storedClaim(command, row) };
    case 'replayed':
    case 'already_claimed':
    case 'claim_released':
    case 'hold_expired':
      return { outcome, claim: storedClaim(command, row) };
    case 'not_open':
      return {
        outcome,
        opensAt: opensAt as string,
        opensInSeconds: opensInSeconds as number,
      };
    case 'coupon_not_found':
    case 'paused':
    case 'closed':
    case 'sold_out':
    case 'claim_limit_reached':
      return { outcome };
    default:
      throw new Error(`${outcome} is no outcome of a claim`);
  }
}

function toChangeDecision(command: SentChange, row: DecisionRow): ChangeDecision {
  const [outcome, , claimId, , , , , , , , , , , lastClaim, announcedSeq] = row;
  switch (outcome) {
    case 'changed':
    case 'unchanged':
    case 'replayed':
    case 'already_redeemed':
    case 'claim_released':
    case 'hold_expired':
    case 'not_confirmed':
    case 'saga_running':
    case 'undo_requested':
      return { outcome, claim: storedClaim(command, row) };
    case 'claim_mismatch':
      return {
        outcome,
        claim: claimId === null ? undefined : storedClaim(command, row),
        lastClaim: lastClaim == null ? undefined : lastClaimOf(command, lastClaim),
      };
    case 'announced':
      return { outcome, announcement: announcedSeq as string };
    case 'coupon_not_found':
    case 'claim_not_found':
    case 'forbidden':
    case 'saga_moved':
    case 'not_finished':
      return { outcome };
    default:
      throw new Error(`${outcome} is no outcome of a change of a claim`);
  }
}

function storedClaim(
  command: Pick<BatchCommand, 'couponName' | 'userId'>,
  row: DecisionRow,
): Claim {
  const [, , claimId, position, claimedAt, , , expiresAt, confirmedAt, redeemedAt, releasedAt] =
    row;
  return toClaim(command.couponName, {
    claim_id: claimId,
    user_id: command.userId,
    position: position as number,
    claimed_at: claimedAt as string,
    expires_at: expiresAt,
    confirmed_at: confirmedAt,
    redeemed_at: redeemedAt,
    released_at: releasedAt,
    reason: row[11],
    saga_state: row[12],
  });
}

/** It is stored without its nulls. */
function lastClaimOf(
  { couponName, userId }: BatchCommand,
  row: Partial<ClaimTimes> & { claim_id: string; position: number },
): Claim {
  return toClaim(couponName, {
    user_id: userId,
    claimed_at: '',
    expires_at: null,
    confirmed_at: null,
    redeemed_at: null,
    released_at: null,
    reason: null,
    ...row,
  });
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { bulkhead } from 'cockatiel';
import type { ClaimCommand, ClaimOutcome } from '../../core/claims/claim.ts';
import {
  type BatchAnswer,
  type BatchCommand,
  type ClaimBatch,
  type ClaimStore,
  hasTicket,
  isChange,
  type MultiCouponAnswer,
  type RefusalReason,
  type SentChange,
  type TicketedClaim,
} from '../../core/claims/ports.ts';
import { uuidRule } from '../../core/input-rules.ts';
import { invariant } from '../../core/invariant.ts';
import { textArray } from './array-parameters.ts';
import {
  type DecisionRow,
  type ResolvedRow,
  toCommittedChanges,
  toOutcomes,
  won,
} from './claim-decisions.ts';
import type { Database } from './database.ts';
import { throwAsReadError, tooLittleDurability } from './errors/app-error.ts';
import { DatabaseFault, type FaultReason } from './errors/pg-error.ts';
import { UnusableDatabaseError } from './errors/unusable-database-error.ts';
import { type Statement, statement, withArrayRows } from './statements.ts';
import type { TicketTimes } from './tickets/ticket-times.ts';

/** In the order of the columns in `sql/claim-multi-coupon.sql`; `number` counts the claims of the batch from 1. */
type WinnerRow = [number: number, position: number, claimedAt: string, expiresAt: string | null];

const claimBatch = withArrayRows(statement('claim-batch'));
const claimTickets = withArrayRows(statement('claim-tickets'));
const claimMultiCoupon = withArrayRows(statement('claim-multi-coupon'));
const decideBatch = withArrayRows(statement('decide-batch'));
const resolveBatch = statement('resolve-batch');
const findCouponNames = statement('find-coupon-names');

/** Decides claims in PostgreSQL. Batches have connections of their own, so they never wait for readers. */
export function postgresClaimStore(databases: {
  forBatches: Database;
  forQueries: Database;
  nowMs(): number;
  /** Undefined: no claim has a ticket. */
  ticketTimes?: TicketTimes | undefined;
}): ClaimStore {
  const { forBatches, forQueries, nowMs, ticketTimes } = databases;
  // A void mark may wait for a lock, and one frozen process can hold the locks of a whole multi-coupon batch. Readers
  // keep the other connections.
  const voidMarks = bulkhead(Math.max(1, forQueries.connectionsMax >> 1), Number.POSITIVE_INFINITY);
  return {
    async decideBatch(batch): Promise<BatchAnswer> {
      const { commands } = batch;
      const startedMs = nowMs();
      try {
        const rows = await forBatches.run<DecisionRow>(...callOf(batch, ticketTimes));
        const commitSeconds = (nowMs() - startedMs) / 1000;
        return { kind: 'decided', outcomes: toOutcomes(commands, rows), commitSeconds };
      } catch (error) {
        return toRefusal(error);
      }
    },

    async claimMultiCoupon(batches): Promise<MultiCouponAnswer> {
      const commands = batches.map((batch) => onlyCommandOf(batch));
      const startedMs = nowMs();
      try {
        const rows = await forBatches.run<WinnerRow>(claimMultiCoupon, [
          textArray(batches, (batch) => batch.batchId),
          textArray(batches, (batch) => batch.couponName),
          textArray(commands, userIdOf),
          textArray(commands, claimIdOf),
          textArray(commands, keyOf),
        ]);
        const commitSeconds = (nowMs() - startedMs) / 1000;
        const outcomes = commands.map((): ClaimOutcome | undefined => undefined);
        for (const [number, position, claimedAt, expiresAt] of rows) {
          const command = commands[number - 1];
          invariant(command, 'winners are claims of the multi-coupon batch');
          outcomes[number - 1] = won(command, position, claimedAt, expiresAt);
        }
        return { kind: 'decided', outcomes, commitSeconds };
      } catch (error) {
        return toRefusal(error);
      }
    },

    async resolveBatch(couponName, batchId) {
      const rows = await voidMarks.execute(() =>
        forQueries.run<ResolvedRow>(resolveBatch, [couponName, batchId]),
      );
      // Without the coupon there is nothing that the batch could commit to.
      return rows[0]?.settled === 'committed'
        ? { kind: 'committed', changes: toCommittedChanges(couponName, rows) }
        : { kind: 'void' };
    },

    async findCouponNames(names) {
      const rows = await forQueries
        .run<{ name: string }>(findCouponNames, [names])
        .catch(throwAsReadError);
      return new Set(rows.map((row) => row.name));
    },
  };
}

const refusalReasons: Record<Exclude<FaultReason, 'lost'>, RefusalReason> = {
  not_sent: 'not_sent',
  busy: 'busy',
  conflict: 'busy',
  invalid: 'invalid',
  refused: 'refused',
  not_durable: 'not_durable',
  // The batch was in doubt and is marked void: no claim waits for this answer.
  void: 'broken',
  broken: 'broken',
};

function toRefusal(error: unknown): Exclude<BatchAnswer, { kind: 'decided' }> {
  if (!(error instanceof DatabaseFault)) throw error;
  if (error.reason === 'lost') return { kind: 'unknown', cause: error };
  return {
    kind: 'refused',
    reason: refusalReasons[error.reason],
    cause: error,
    ...(error.field !== undefined && { fields: [error.field] }),
    ...(error.cause instanceof UnusableDatabaseError && { detail: error.cause.message }),
    ...(error.reason === 'not_durable' && { detail: tooLittleDurability(error) }),
  };
}

const isUuid = new RegExp(uuidRule.pattern);

const userIdOf = (command: BatchCommand) => command.userId;
const claimIdOf = (command: BatchCommand) => command.claimId && asUuid(command.claimId);
const keyOf = (command: BatchCommand) => command.idempotencyKey;

/** The statement that decides the batch, with its parameters. */
function callOf(batch: ClaimBatch, times: TicketTimes | undefined): [Statement, unknown[]] {
  const { commands } = batch;
  if (commands.every(hasTicket)) {
    invariant(times, 'claims with tickets come where the times of tickets are known');
    return [claimTickets, parametersOfTickets(batch, commands, times)];
  }
  return commands.every(isClaim)
    ? [claimBatch, parametersOfClaims(batch, commands)]
    : [decideBatch, parametersOf(batch)];
}

function parametersOfTickets(
  batch: ClaimBatch,
  claims: readonly TicketedClaim[],
  { expiresSeconds, retentionSeconds }: TicketTimes,
): unknown[] {
  const claimIds = new Set(claims.map(claimIdOf));
  return [
    batch.batchId,
    batch.couponName,
    textArray(claims, userIdOf),
    textArray(claims, claimIdOf),
    textArray(claims, keyOf),
    textArray(claims, ({ ticket }) => String(ticket.acceptedAtMs)),
    expiresSeconds,
    retentionSeconds,
    claimIds.size === claims.length && doUsersDiffer(claims),
  ];
}

function parametersOfClaims(batch: ClaimBatch, claims: readonly ClaimCommand[]): unknown[] {
  return [
    batch.batchId,
    batch.couponName,
    textArray(claims, userIdOf),
    textArray(claims, claimIdOf),
    textArray(claims, keyOf),
    doUsersDiffer(claims),
  ];
}

/** Of a batch with a change. What only a change has is null for a claim. */
function parametersOf({ batchId, couponName, commands }: ClaimBatch): unknown[] {
  const changeTexts = (textOf: (command: SentChange) => string | undefined) =>
    textArray(commands, (command) => (isChange(command) ? textOf(command) : undefined));
  const changeFlags = (flagOf: (command: SentChange) => boolean) =>
    commands.map((command) => (isChange(command) ? flagOf(command) : null));
  return [
    batchId,
    couponName,
    textArray(commands, (command) => (isChange(command) ? command.change : 'claim')),
    textArray(commands, userIdOf),
    textArray(commands, claimIdOf),
    textArray(commands, keyOf),
    changeTexts(({ reason }) => reason),
    changeFlags(({ isFinal }) => isFinal),
    changeFlags(({ mayReleaseConfirmed }) => mayReleaseConfirmed),
    changeTexts(({ announcement }) => announcement),
    changeTexts(({ by }) => by.actor),
    changeTexts(({ by }) => by.requestId ?? undefined),
    changeTexts(({ sagaEpoch }) => sagaEpoch),
    doUsersDiffer(commands),
  ];
}

/** The nil UUID, which no claim has, for a text of a caller that is no UUID. */
function asUuid(claimId: string): string {
  return isUuid.test(claimId) ? claimId : '00000000-0000-0000-0000-000000000000';
}

function doUsersDiffer(commands: readonly BatchCommand[]): boolean {
  const users = new Set<string>();
  for (const { userId } of commands) users.add(userId);
  return users.size === commands.length;
}

function isClaim(command: BatchCommand): command is ClaimCommand {
  return !isChange(command);
}

function onlyCommandOf({ commands: [command, ...others] }: ClaimBatch): ClaimCommand {
  invariant(
    command && isClaim(command) && others.length === 0,
    'a batch in a multi-coupon batch has one claim',
  );
  return command;
}

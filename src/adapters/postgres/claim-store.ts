// SPDX-License-Identifier: GPL-3.0-or-later
import { bulkhead } from 'cockatiel';
import type { Claim, ClaimCommand, ClaimOutcome } from '../../core/claims/claim.ts';
import {
  type BatchAnswer,
  type BatchCommand,
  type ClaimBatch,
  type ClaimReader,
  type ClaimStore,
  isChange,
  type MultiCouponAnswer,
  type RefusalReason,
} from '../../core/claims/ports.ts';
import { invariant } from '../../core/invariant.ts';
import { textArray } from './array-parameters.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { DatabaseFault, type FaultReason } from './errors/pg-error.ts';
import { DifferentInstallationError } from './installation/installation-watch.ts';
import { statement, withArrayRows } from './statements.ts';

/** In the order of the columns in `sql/claim-batch.sql`. */
type DecisionRow = [
  outcome: ClaimOutcome['outcome'],
  /** How many consecutive claims of the batch have this outcome; their positions count up. */
  claims: number,
  /** Of the claim that the user holds; null when it is the one that was sent. */
  claimId: string | null,
  position: number | null,
  claimedAt: string | null,
  opensAt: string | null,
  opensInSeconds: number | null,
];

type ClaimRow = {
  claim_id: string | null;
  user_id: string;
  position: number;
  claimed_at: string;
};

type UserClaimRow = ClaimRow & {
  coupon_id: string;
  coupon_name: string;
  walked_to: string | null;
};

/** In the order of the columns in `sql/claim-multi-coupon.sql`; `number` counts the claims of the batch from 1. */
type WinnerRow = [number: number, position: number, claimedAt: string];

const claimBatch = withArrayRows(statement('claim-batch'));
const claimMultiCoupon = withArrayRows(statement('claim-multi-coupon'));
const voidBatch = statement('void-batch');
const findCouponNames = statement('find-coupon-names');
const findClaim = statement('find-claim');
const listClaims = statement('list-claims');
const listUserClaims = statement('list-user-claims');

/** Decides claims in PostgreSQL. Batches have connections of their own, so they never wait for readers. */
export function postgresClaimStore(databases: {
  forBatches: Database;
  forQueries: Database;
  nowMs(): number;
}): ClaimStore {
  const { forBatches, forQueries, nowMs } = databases;
  // A void mark may wait for a lock, and one frozen process can hold the locks of a whole multi-coupon batch. Readers
  // keep the other connections.
  const voidMarks = bulkhead(Math.max(1, forQueries.connectionsMax >> 1), Number.POSITIVE_INFINITY);
  return {
    async decideBatch(batch): Promise<BatchAnswer> {
      const commands = batch.commands.filter(isClaim);
      const startedMs = nowMs();
      try {
        const rows = await forBatches.run<DecisionRow>(claimBatch, [
          batch.batchId,
          batch.couponName,
          textArray(commands, userIdOf),
          textArray(commands, claimIdOf),
          textArray(commands, keyOf),
          doUsersDiffer(commands),
        ]);
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
        for (const [number, position, claimedAt] of rows) {
          const command = commands[number - 1];
          invariant(command, 'winners are claims of the multi-coupon batch');
          outcomes[number - 1] = won(command, position, claimedAt);
        }
        return { kind: 'decided', outcomes, commitSeconds };
      } catch (error) {
        return toRefusal(error);
      }
    },

    async resolveBatch(couponName, batchId) {
      const [row] = await voidMarks.execute(() =>
        forQueries.run<{ settled: string | null }>(voidBatch, [couponName, batchId]),
      );
      // Without the coupon there is nothing that the batch could commit to.
      return row?.settled === 'claimed' ? { kind: 'committed', changes: [] } : { kind: 'void' };
    },

    async findCouponNames(names) {
      const rows = await forQueries
        .run<{ name: string }>(findCouponNames, [names])
        .catch(throwAsReadError);
      return new Set(rows.map((row) => row.name));
    },
  };
}

/** Reads claims from PostgreSQL. */
export function postgresClaimReader(database: Database): ClaimReader {
  return {
    async findClaim(couponName, userId) {
      const [row] = await database
        .run<ClaimRow>(findClaim, [couponName, userId])
        .catch(throwAsReadError);
      if (row === undefined) return 'coupon_not_found';
      return row.claim_id === null ? undefined : toClaim(couponName, row);
    },

    async listUserClaims({ userId, cursor = '0', limit, walkMax }) {
      const rows = await database
        .run<UserClaimRow>(listUserClaims, [userId, cursor, walkMax, limit])
        .catch(throwAsReadError);
      const found = rows.filter((row) => row.claim_id !== null);
      const next = found.length > limit ? found[limit - 1]?.coupon_id : rows[0]?.walked_to;
      return {
        claims: found.slice(0, limit).map((row) => toClaim(row.coupon_name, row)),
        next: next ?? null,
      };
    },

    async listClaims({ couponName, afterPosition, limit }) {
      const rows = await database
        .run<ClaimRow>(listClaims, [couponName, afterPosition, limit + 1])
        .catch(throwAsReadError);
      if (rows.length === 0) return 'coupon_not_found';
      const claims = rows.filter((row) => row.claim_id !== null);
      return {
        claims: claims.slice(0, limit).map((row) => toClaim(couponName, row)),
        more: claims.length > limit,
      };
    },
  };
}

const refusalReasons: Record<Exclude<FaultReason, 'lost'>, RefusalReason> = {
  not_sent: 'not_sent',
  busy: 'busy',
  conflict: 'busy',
  invalid: 'invalid',
  refused: 'refused',
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
    ...(error.cause instanceof DifferentInstallationError && { detail: error.cause.message }),
  };
}

const userIdOf = (command: ClaimCommand) => command.userId;
const claimIdOf = (command: ClaimCommand) => command.claimId;
const keyOf = (command: ClaimCommand) => command.idempotencyKey;

function doUsersDiffer(commands: readonly ClaimCommand[]): boolean {
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

function toOutcomes(commands: readonly ClaimCommand[], rows: DecisionRow[]): ClaimOutcome[] {
  if (rows.length === 0) return commands.map(() => ({ outcome: 'coupon_not_found' }));
  const outcomes: ClaimOutcome[] = [];
  for (const row of rows) {
    for (let index = 0; index < row[1]; index += 1) {
      const command = commands[outcomes.length];
      invariant(command, 'a decision for each claim of a batch, and no more');
      outcomes.push(toOutcome(command, row, index));
    }
  }
  return outcomes;
}

/** The outcome of the claim at `index` among those that the row stands for. */
function toOutcome(command: ClaimCommand, row: DecisionRow, index: number): ClaimOutcome {
  const [outcome, , claimId, position, claimedAt, opensAt, opensInSeconds] = row;
  switch (outcome) {
    case 'claimed':
      return won(command, (position as number) + index, claimedAt as string);
    case 'replayed':
    case 'already_claimed':
      return {
        outcome,
        claim: {
          claimId: claimId as string,
          couponName: command.couponName,
          userId: command.userId,
          position: position as number,
          claimedAt: toMicroseconds(claimedAt as string),
          state: 'confirmed',
        },
      };
    case 'not_open':
      return {
        outcome,
        opensAt: opensAt as string,
        opensInSeconds: opensInSeconds as number,
      };
    case 'claim_released':
    case 'hold_expired':
      throw new Error(`the database returned ${outcome}, and no claim ends yet`);
    default:
      return { outcome };
  }
}

/** The claim is stored under the id that it was sent with. */
function won(command: ClaimCommand, position: number, claimedAt: string): ClaimOutcome {
  return {
    outcome: 'claimed',
    claim: {
      claimId: command.claimId,
      couponName: command.couponName,
      userId: command.userId,
      position,
      claimedAt: toMicroseconds(claimedAt),
      state: 'confirmed',
    },
  };
}

function toClaim(couponName: string, row: ClaimRow): Claim {
  return {
    claimId: row.claim_id as string,
    couponName,
    userId: row.user_id,
    position: row.position,
    claimedAt: toMicroseconds(row.claimed_at),
    state: 'confirmed',
  };
}

/** Adds the zeros that the database leaves out of the fraction, so that times sort as texts. */
function toMicroseconds(time: string): string {
  if (time.length === fullTimeLength) return time;
  const [seconds, fraction = ''] = time.slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}Z`;
}

const fullTimeLength = '2030-01-31T18:00:00.000000Z'.length;

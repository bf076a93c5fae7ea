// SPDX-License-Identifier: GPL-3.0-or-later
import { type Claim, type ClaimState, claimStates } from '../../core/claims/claim.ts';
import type {
  ClaimPage,
  ClaimReader,
  CouponClaimQuery,
  UserClaimPage,
  UserClaimQuery,
} from '../../core/claims/ports.ts';
import type { SagaState } from '../../core/sagas/saga.ts';
import { type ClaimTimes, toClaim } from './claim-rows.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

/** A stored claim; null in each column of the claim stands for no claim. */
type ClaimRow = ClaimTimes & {
  claim_id: string | null;
  user_id: string;
  position: number;
  /** Whether its coupon has a saga. */
  has_saga: boolean;
  /** Of a live claim, as it is stored; null where it is not stored yet. */
  saga_state: SagaState | null;
};

type ChosenClaimRow = ClaimRow & { walked_to: number | null };

type UserClaimRow = ClaimRow & {
  coupon_id: string;
  coupon_name: string;
  walked_to: string | null;
};

const findClaim = statement('find-claim');
const listClaims = statement('list-claims');
const listChosenClaims = statement('list-chosen-claims');
const listUserClaims = statement('list-user-claims');

const liveStates: readonly ClaimState[] = claimStates.filter((state) => state !== 'released');

// How many positions a page of chosen claims looks at. An id is only compared, so a page looks at more of them.
const walkMax = { byState: 20_000, byId: 100_000 };

/** Reads claims from PostgreSQL. */
export function postgresClaimReader(database: Database): ClaimReader {
  return {
    async findClaim(couponName, userId) {
      const [row] = await database
        .run<ClaimRow>(findClaim, [couponName, userId])
        .catch(throwAsReadError);
      if (row === undefined) return 'coupon_not_found';
      return isClaim(row) ? toReadClaim(couponName, row) : undefined;
    },

    listClaims(query) {
      const { states, claimId, position } = query;
      const isChosen = states !== undefined || claimId !== undefined || position !== undefined;
      return isChosen ? chosenClaims(database, query) : liveClaims(database, query);
    },

    listUserClaims: (query) => claimsOfUser(database, query),
  };
}

async function liveClaims(
  database: Database,
  { couponName, afterPosition, limit }: CouponClaimQuery,
): Promise<ClaimPage | 'coupon_not_found'> {
  const rows = await database
    .run<ClaimRow>(listClaims, [couponName, afterPosition, limit + 1])
    .catch(throwAsReadError);
  if (rows.length === 0) return 'coupon_not_found';
  const claims = rows.filter(isClaim);
  return {
    claims: claims.slice(0, limit).map((row) => toReadClaim(couponName, row)),
    more: claims.length > limit,
  };
}

async function chosenClaims(
  database: Database,
  { couponName, afterPosition, limit, states = claimStates, claimId, position }: CouponClaimQuery,
): Promise<ClaimPage | 'coupon_not_found'> {
  const after = position === undefined ? afterPosition : Math.max(afterPosition, position - 1);
  const until = position ?? after + (claimId === undefined ? walkMax.byState : walkMax.byId);
  const rows = await database
    .run<ChosenClaimRow>(listChosenClaims, [
      ...[couponName, after, until, limit + 1, states],
      claimId ?? null,
    ])
    .catch(throwAsReadError);
  const [first] = rows;
  if (first === undefined) return 'coupon_not_found';
  const found = rows.filter(isClaim);
  const claims = found.slice(0, limit).map((row) => toReadClaim(couponName, row));
  if (found.length > limit) return { claims, more: true };
  // At one position and under one id there is one claim.
  const isComplete = position !== undefined || (claimId !== undefined && claims.length > 0);
  if (isComplete || first.walked_to === null) return { claims, more: false };
  return { claims, more: true, walkedTo: first.walked_to };
}

async function claimsOfUser(
  database: Database,
  {
    userId,
    cursor = '0',
    states = liveStates,
    limit,
    walkMax,
  }: Parameters<ClaimReader['listUserClaims']>[0],
): Promise<UserClaimPage> {
  const rows = await database
    .run<UserClaimRow>(listUserClaims, [userId, ...startOf(cursor), walkMax, limit, states])
    .catch(throwAsReadError);
  const found = rows.filter(isClaim);
  return {
    claims: found.slice(0, limit).map((row) => toReadClaim(row.coupon_name, row)),
    next: found.length > limit ? cursorAfter(found, limit) : (rows[0]?.walked_to ?? null),
  };
}

/** Where a page begins: after which coupon, and after which position of the next one. */
function startOf(
  cursor: NonNullable<UserClaimQuery['cursor']>,
): [couponId: string, position: string] {
  const [couponId = '', position] = cursor.split('-');
  // The page before ended between two claims of this coupon.
  return position === undefined ? [couponId, '0'] : [String(BigInt(couponId) - 1n), position];
}

/** The cursor of a page with these claims and more. It names a position only where the next claim is of the same coupon. */
function cursorAfter(found: readonly UserClaimRow[], limit: number): string | null {
  const last = found[limit - 1];
  const next = found[limit];
  if (last === undefined || next === undefined) return null;
  return last.coupon_id === next.coupon_id ? `${last.coupon_id}-${last.position}` : last.coupon_id;
}

function isClaim(row: ClaimRow): boolean {
  return row.claim_id !== null;
}

function toReadClaim(couponName: string, row: ClaimRow): Claim {
  return toClaim(couponName, row.has_saga ? { ...row, saga_state: sagaStateOf(row) } : row);
}

/** The claim decides, but for a saga that is undone, which the claim does not show until it is released. */
function sagaStateOf({ saga_state: stored, released_at, expires_at }: ClaimRow): SagaState {
  if (released_at !== null) return 'compensated';
  if (stored === 'compensating' || stored === 'needs_attention') return stored;
  return expires_at === null ? 'done' : 'running';
}

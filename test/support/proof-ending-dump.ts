// SPDX-License-Identifier: GPL-3.0-or-later
/** A sale in which claims end, as the dump of its tables and in the answers of the service. */
import type {
  Dump,
  DumpedClaim,
  DumpedCoupon,
  DumpedLedgerRow,
  DumpedRedemption,
  DumpedReleasedClaim,
} from '../../src/proof/dump.ts';
import {
  type EndingClaim,
  type EndingCoupon,
  type EndingDecision,
  type EndingSale,
  stateOf,
} from './proof-ending-sale.ts';
import type { Answer } from './proof-recorder.ts';
import { sagaIdOf, sagaTables } from './proof-saga-model.ts';
import { timeAt } from './sale-dump.ts';

/** A dump with all tables of claims that end. */
export type EndingDump = Dump &
  Required<Pick<Dump, 'released_claims' | 'redemptions' | 'sagas' | 'saga_steps'>>;

/** The tables of the sale at a moment. Coupons have their ids in order of creation. */
export function endingDumpOf(sale: EndingSale, ms: number): EndingDump {
  const coupons = [...sale.coupons].map(([name, coupon], index) => ({
    ...{ id: String(index + 1), name, coupon },
  }));
  const all = coupons.flatMap(({ id, coupon }) => coupon.all.map((claim) => ({ id, claim })));
  return {
    ...{ dump: 'firstcome', version: 1, taken_at: timeAt(ms) },
    coupons: coupons.map(toCoupon),
    claims: all
      .filter(({ claim }) => claim.released === undefined)
      .map(({ id, claim }) => toClaim(id, claim)),
    ledger: coupons.flatMap(({ id, coupon }) => toLedger(id, coupon)),
    released_claims: all.flatMap(({ id, claim }) => toReleased(id, claim)),
    redemptions: all.flatMap(({ id, claim }) => toRedemption(id, claim)),
    ...sagaTables(all),
  };
}

/** The answer of the service for a decision, as a history records it. */
export function endingAnswer({ outcome, claim, lastClaim, opensInMs }: EndingDecision): Answer {
  const shown = claim ?? lastClaim;
  const members = shown === undefined ? {} : shownMembers(shown);
  if (outcome === 'undo_requested') return { type: 'ok', http: 202, outcome, ...members };
  const isOk = ['claimed', 'replayed', 'confirmed', 'released', 'redeemed'].includes(outcome);
  if (isOk) return { type: 'ok', http: 200, outcome, ...members };
  const http = { sold_out: 400, forbidden: 403, claim_not_found: 404 }[outcome] ?? 409;
  const answer: Answer = { type: 'fail', http, outcome, effect: 'none', ...members };
  if (opensInMs !== undefined) answer.retry_after_s = Math.ceil(opensInMs / 1000);
  return answer;
}

/** The members of an answer that show a claim. */
export function shownMembers(claim: EndingClaim) {
  const state = stateOf(claim);
  const { claimId, position, claimedMs, holdEndMs, confirmedMs, redeemed, released } = claim;
  return {
    ...{ claim_id: claimId, position, claimed_at: timeAt(claimedMs), state },
    ...(state === 'reserved' && holdEndMs !== undefined && { expires_at: timeAt(holdEndMs) }),
    ...(confirmedMs !== undefined && { confirmed_at: timeAt(confirmedMs) }),
    ...(redeemed !== undefined && { redeemed_at: timeAt(redeemed.ms) }),
    ...(released !== undefined && { released_at: timeAt(released.ms) }),
    ...(claim.saga && { saga_id: sagaIdOf(claimId), saga_state: claim.saga.state }),
  };
}

function toCoupon(named: { id: string; name: string; coupon: EndingCoupon }): DumpedCoupon {
  const { id, name, coupon } = named;
  const { opensMs, closesMs } = coupon.window;
  return {
    ...{ id, name, amount: coupon.amount, remaining_amount: coupon.remaining },
    opens_at: opensMs === undefined ? null : timeAt(opensMs),
    closes_at: closesMs === undefined ? null : timeAt(closesMs),
    ...{ paused: false, ledger_seq: String(coupon.ledger.length) },
    decided_at: timeAt(coupon.ledger.at(-1)?.recordedMs ?? coupon.createdMs),
    created_at: timeAt(coupon.createdMs),
    hold_seconds: coupon.holdSeconds ?? null,
    claims_per_user_max: coupon.claimsPerUserMax,
    returned_units: String(coupon.returnedUnits),
    saga: coupon.sagaName ?? null,
  };
}

const timeOrNull = (ms: number | undefined) => (ms === undefined ? null : timeAt(ms));

function toClaim(couponId: string, claim: EndingClaim): DumpedClaim {
  const isHold = stateOf(claim) === 'reserved';
  return {
    ...{ coupon_id: couponId, user_id: claim.userId, position: claim.position },
    ...{ claim_id: claim.claimId, claimed_at: timeAt(claim.claimedMs) },
    idempotency_key: claim.idempotencyKey ?? null,
    expires_at: isHold ? (claim.saga ? 'infinity' : timeOrNull(claim.holdEndMs)) : null,
    confirmed_at: timeOrNull(claim.confirmedMs),
  };
}

function toReleased(couponId: string, claim: EndingClaim): DumpedReleasedClaim[] {
  const { released } = claim;
  if (released === undefined) return [];
  const { expires_at: _, ...row } = toClaim(couponId, claim);
  const { ms, reason = null, isFinal } = released;
  return [{ ...row, released_at: timeAt(ms), reason, is_final: isFinal }];
}

function toRedemption(couponId: string, claim: EndingClaim): DumpedRedemption[] {
  const { redeemed, userId, claimId } = claim;
  if (redeemed === undefined) return [];
  return [
    {
      ...{ coupon_id: couponId, user_id: userId, claim_id: claimId },
      ...{ redeemed_at: timeAt(redeemed.ms), idempotency_key: redeemed.key ?? null },
    },
  ];
}

function toLedger(couponId: string, { ledger }: EndingCoupon): DumpedLedgerRow[] {
  return ledger.map((row, index) => ({
    ...{ coupon_id: couponId, seq: String(index + 1), batch_id: row.batchId, kind: row.kind },
    ...{ units: row.units, first_position: row.firstPosition ?? null },
    ...{ remaining_after: row.remaining, recorded_at: timeAt(row.recordedMs) },
    ...(row.kind === 'mixed' && {
      returned_units: row.returned,
      changed_positions: row.changes.map(([position]) => position),
      changes: row.changes.map(([, change]) => change),
    }),
  }));
}

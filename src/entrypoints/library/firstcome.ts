// SPDX-License-Identifier: GPL-3.0-or-later
/** The engine as a host calls it: checks each argument, and returns outcomes and faults under the package's names. */
import type {
  ChangeClaimOutcome,
  Claim,
  ClaimChange,
  ClaimOutcome,
  ClaimState,
} from '../../core/claims/claim.ts';
import type { ClaimPage, EngineLog } from '../../core/claims/ports.ts';
import type { CouponWithHolders } from '../../core/coupons/coupon.ts';
import type { CouponTexts, FixedMembers } from '../../core/coupons/ports.ts';
import { AppError } from '../../core/errors.ts';
import type { Durability } from '../../core/health.ts';
import type { LostHistory } from '../../core/history/ports.ts';
import { invariant } from '../../core/invariant.ts';
import type { ActedBy } from '../../core/operator-log/operator-log.ts';
import type { UseCases } from '../../core/use-cases.ts';
import {
  checkAddition,
  checkChange,
  checkClaim,
  checkCouponName,
  checkHolder,
  checkLoss,
  checkNewCoupon,
  checkPage,
  inHostNames,
  type Window,
} from './checks.ts';
import { type ClaimToChange, checkClaimChange } from './claim-checks.ts';
import { unknownStopOptions } from './options.ts';

/**
 * A running engine. A claim returns its outcome, also when it is refused, and so does a change of a claim. Every failure is thrown as an `AppError` with
 * a `code`: after `outcome_unknown` and `internal` the call may have changed something, after all others it changed
 * nothing.
 */
export type Firstcome = {
  /** Which crashes an acknowledged claim survives, as the database was at the start. */
  readonly durability: Durability;
  /**
   * A coupon with `holdSeconds` can be created once the upgrade of the database is finished. Faults: `invalid_request`,
   * `coupon_exists`, `unavailable`, `outcome_unknown`.
   */
  createCoupon(
    coupon: {
      name: string;
      /** Units, 1 to 2,147,483,647. */
      amount: number;
    } & Window &
      Omit<FixedMembers, 'saga'> &
      CouponTexts,
  ): Promise<CouponWithHolders>;
  /**
   * Takes one unit for the user, and resolves after the commit. With an idempotency key (1 to 255 visible ASCII
   * characters or spaces) the same call again gets the same claim. Faults: `invalid_request`, `overloaded`,
   * `unavailable`, `outcome_unknown`; after the last one, call again with the same key.
   */
  claim(command: {
    couponName: string;
    userId: string;
    idempotencyKey?: string | undefined;
  }): Promise<ClaimOutcome>;
  /**
   * Confirms a reserved claim, which then no longer ends by itself. Send the id of the claim; without it the live claim is
   * meant. Faults: those of `claim`; after `outcome_unknown`, call again.
   */
  confirm(claim: {
    couponName: string;
    userId: string;
    claimId?: string | undefined;
  }): Promise<ChangeClaimOutcome>;
  /**
   * Releases a claim that is reserved or confirmed; its unit is on sale again. `final`: the user can never claim this coupon
   * again. For a sold out coupon it takes half a second. Faults: those of `claim`; after `outcome_unknown`, call again with
   * the id of the claim.
   */
  release(claim: {
    couponName: string;
    userId: string;
    claimId?: string | undefined;
    /** Kept with the claim; 1 to 255 characters. */
    reason?: string | undefined;
    final?: boolean | undefined;
  }): Promise<ChangeClaimOutcome>;
  /**
   * Redeems a confirmed claim, once. With an idempotency key the same call again gets the same claim. Faults: those of
   * `claim`; after `outcome_unknown`, call again with the same key.
   */
  redeem(claim: {
    couponName: string;
    userId: string;
    claimId?: string | undefined;
    idempotencyKey?: string | undefined;
  }): Promise<ChangeClaimOutcome>;
  /**
   * The state at a moment after the call. Faults: `invalid_request`, `coupon_not_found`, `overloaded`, `unavailable`.
   */
  readCoupon(name: string): Promise<CouponWithHolders>;
  /**
   * Members left out stay as they are; null removes a limit or a text. An archived coupon is closed, whatever its window and
   * pause. Faults: those of `createCoupon`, and `coupon_not_found`.
   */
  changeCoupon(
    name: string,
    change: Window & CouponTexts & { paused?: boolean | undefined; archived?: boolean | undefined },
  ): Promise<CouponWithHolders>;
  /**
   * Adds units; with an idempotency key once, however often it is called. For a sold out coupon it takes half a second.
   * Faults: `invalid_request`, `coupon_not_found`, `unavailable`, `outcome_unknown`, and `idempotency_key_reused` when
   * the key has added another number of units before.
   */
  addStock(addition: {
    name: string;
    units: number;
    idempotencyKey?: string | undefined;
  }): Promise<{ coupon: CouponWithHolders; replayed: boolean }>;
  /**
   * The live claim of the user. Faults: `invalid_request`, `coupon_not_found`, `unavailable`, and `claim_not_found`, with the
   * last claim that was released as its `lastClaim`.
   */
  findClaim(couponName: string, userId: string): Promise<Claim>;
  /**
   * A page of claims in order of position. The next one begins after `walkedTo`, if it is there, else after the last claim.
   * Faults: `invalid_request`, `coupon_not_found`, `unavailable`.
   */
  listClaims(query: {
    couponName: string;
    /** The last position of the page before; 0 or undefined for the first page. */
    afterPosition?: number | undefined;
    /** 1 to 1,000, default 100. */
    limit?: number | undefined;
    /** By default all but `released`. */
    states?: readonly ClaimState[] | undefined;
  }): Promise<ClaimPage>;
  /**
   * The acknowledged batches that the database lacks, the first 1,000: while there are any, all other calls are `unavailable`.
   * Faults: `unavailable`.
   */
  readLostHistory(): Promise<LostHistory>;
  /**
   * Goes on without the batches that were found up to `foundUntil`, as `readLostHistory` returns it, and resolves to their
   * number. It cannot be taken back. Faults: `invalid_request`, `unavailable`, `outcome_unknown`; after the last one, call again.
   */
  acceptHistory(loss: { foundUntil: string }): Promise<number>;
  /**
   * Refuses further calls, answers waiting claims, and ends the connections that the pool has lent. Call it before the
   * pool's own `end`. Claims without an answer after `timeoutMs` (default 4,000) get a fault. A second call has no
   * effect.
   */
  stop(options?: { timeoutMs?: number }): Promise<void>;
};

/** What a host's calls reach. */
export type HostedEngine = UseCases & {
  durability: Durability;
  log: EngineLog;
  /** Drains the lanes within the time, and ends everything. */
  stop(timeoutMs: number): Promise<void>;
};

const stopTimeoutMsDefault = 4_000;
const lostBatchesMax = 1_000;
/** How the operator log names the host. */
const byHost: ActedBy = { actor: 'library', requestId: null };

/** Offers an engine to a host. */
export function firstcomeOn(engine: HostedEngine): Firstcome {
  let stopped: Promise<void> | undefined;
  // A later call would borrow connections of a pool that the host is about to end.
  const running = () => {
    if (stopped === undefined) return engine;
    throw new AppError('unavailable', { detail: 'the engine was stopped' });
  };
  const changeWith = async (change: ClaimChange, claim: ClaimToChange) => {
    const command = { ...checkClaimChange(change, claim), by: byHost };
    return running().changeClaim(command).catch(inHostNames);
  };
  return {
    durability: engine.durability,
    createCoupon: async (coupon) =>
      running().createCoupon(checkNewCoupon(coupon), byHost).catch(inHostNames),
    claim: async (command) => claimWith(running(), command),
    confirm: (claim) => changeWith('confirm', claim),
    release: (claim) => changeWith('release', claim),
    redeem: (claim) => changeWith('redeem', claim),
    readCoupon: async (name) => running().readCoupons.read(checkCouponName(name)),
    changeCoupon: async (name, change) =>
      running().changeCoupon(checkCouponName(name), checkChange(change), byHost).catch(inHostNames),
    addStock: async (addition) =>
      running().addStock(checkAddition(addition), byHost).catch(inHostNames),
    async findClaim(couponName, userId) {
      checkHolder(couponName, userId);
      return running().readClaims.find(couponName, userId);
    },
    listClaims: async (query) => running().readClaims.list(checkPage(query)),
    readLostHistory: async () => running().lostHistory.read(lostBatchesMax),
    acceptHistory: async (loss) => running().lostHistory.accept(checkLoss(loss), byHost),
    stop(options = {}) {
      const { timeoutMs = stopTimeoutMsDefault } = options;
      for (const message of unknownStopOptions(options)) engine.log.warn({}, message);
      stopped ??= engine.stop(timeoutMs);
      return stopped;
    },
  };
}

/** A claim with invalid arguments does not reach the engine, so it is counted here. */
async function claimWith(
  { claimCoupon, claimRefused, newClaimId }: HostedEngine,
  given: Parameters<Firstcome['claim']>[0],
): Promise<ClaimOutcome> {
  let checked: ReturnType<typeof checkClaim>;
  try {
    checked = checkClaim(given);
  } catch (error) {
    claimRefused('invalid_request');
    throw error;
  }
  const answer = await claimCoupon({ ...checked, claimId: newClaimId() }).catch(inHostNames);
  invariant(answer.outcome !== 'accepted', 'an engine in a host has no queue');
  return answer;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import type { Saga } from '../sagas/saga.ts';
import type { Claim } from './claim.ts';
import type { ReadClaims } from './read-claims.ts';

/** Something that happened to a claim, or because of it. All times are RFC 3339, UTC. */
export type TimelineEntry =
  | {
      kind: 'change';
      name: 'claimed' | 'confirmed' | 'redeemed' | 'released';
      at: string;
      reason?: string | undefined;
      /** The operator who has made it, where the log knows one. */
      actor?: string | undefined;
    }
  /** What an operator did that changed nothing of the claim at once, such as asking its saga for its undo. */
  | { kind: 'operator'; name: string; at: string; actor: string; reason?: string | undefined }
  /** What a webhook got, or is to get: the time of its last attempt, or of the event before the first one. */
  | {
      kind: 'delivery';
      name: string;
      at: string;
      state: string;
      webhookId: string;
      eventId: string;
      attempts: number;
      lastStatus: number | null;
      lastError: string | null;
    }
  /** A step of its saga. The time is undefined before the end of its first call. */
  | {
      kind: 'saga_step';
      name: string;
      at: string | undefined;
      state: string;
      participant: string;
      attempts: number;
      lastStatus: number | null;
      lastError: string | null;
    };

/** What is stored about a claim in other tables than its own. */
export type ClaimTraces = {
  deliveries: Extract<TimelineEntry, { kind: 'delivery' }>[];
  operators: Extract<TimelineEntry, { kind: 'operator' }>[];
};

/** Reads what is stored about a claim. Rejects with `unavailable` when it cannot be read. */
export type ReadClaimTraces = (claim: Claim) => Promise<ClaimTraces>;

/** A claim with all that happened, in order of time; what has not happened yet is at the end. */
export type Timeline = { claim: Claim; entries: TimelineEntry[] };

/** Reads the timeline of a claim. Rejects with `coupon_not_found` and `claim_not_found`. */
export type ReadTimeline = (query: { couponName: string; claimId: string }) => Promise<Timeline>;

/** Creates the use case. `findSaga` resolves to undefined for a saga that has not begun. */
export function readTimelineWith(parts: {
  readClaims: Pick<ReadClaims, 'exportAll'>;
  readTraces: ReadClaimTraces;
  findSaga(sagaId: string): Promise<Saga | undefined>;
}): ReadTimeline {
  const find = async (query: { couponName: string; claimId: string }) => {
    for await (const [claim] of await parts.readClaims.exportAll(query)) {
      if (claim !== undefined) return claim;
    }
    throw new AppError('claim_not_found', { detail: 'the coupon has no claim with this id' });
  };
  return async (query) => {
    const claim = await find(query);
    const [{ deliveries, operators }, saga] = await Promise.all([
      parts.readTraces(claim),
      claim.sagaId === undefined ? undefined : parts.findSaga(claim.sagaId),
    ]);
    const entries = [
      ...changesOf(claim, operators),
      ...operators.filter((entry) => !isRelease(entry, claim)),
      ...(saga?.steps ?? []).map(toEntry),
      ...deliveries,
    ];
    // At one time the change comes first, then what follows from it. A sort keeps that order.
    return { claim, entries: entries.sort((a, b) => compare(a.at, b.at)) };
  };
}

function changesOf(claim: Claim, operators: ClaimTraces['operators']): TimelineEntry[] {
  const { claimedAt, confirmedAt, redeemedAt, releasedAt, reason } = claim;
  const change = (
    name: Extract<TimelineEntry, { kind: 'change' }>['name'],
    at: string | undefined,
  ): TimelineEntry[] => (at === undefined ? [] : [{ kind: 'change', name, at }]);
  const actor = operators.find((entry) => isRelease(entry, claim))?.actor;
  return [
    ...change('claimed', claimedAt),
    ...change('confirmed', confirmedAt),
    ...change('redeemed', redeemedAt),
    ...(releasedAt === undefined
      ? []
      : [{ kind: 'change' as const, name: 'released' as const, at: releasedAt, reason, actor }]),
  ];
}

/** Whether this is the log's entry of the release itself. */
function isRelease({ name, at }: ClaimTraces['operators'][number], { releasedAt }: Claim): boolean {
  return name === 'release_claim' && at === releasedAt;
}

function toEntry(step: Saga['steps'][number]): TimelineEntry {
  const { name, participant, state, attempts, lastStatus, lastError, changedAt } = step;
  return {
    ...{ kind: 'saga_step', name, participant, state, attempts, lastStatus, lastError },
    at: changedAt ?? undefined,
  };
}

function compare(one: string | undefined, other: string | undefined): number {
  if (one === other) return 0;
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  return one < other ? -1 : 1;
}

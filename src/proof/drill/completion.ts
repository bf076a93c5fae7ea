// SPDX-License-Identifier: GPL-3.0-or-later
/** Interprets an answer: what it says, and whether that is certain. */
import { type ClaimChange, type ClaimState, claimStates, type Operation } from '../history.ts';
import type { Answer, Unreadable } from './answer-parser.ts';

/** How a request ended, as the history records it. */
export type Completion = {
  type: 'ok' | 'fail' | 'info';
  outcome: string;
  http?: number;
  effect?: 'none' | 'unknown';
  claimId?: string;
  position?: number;
  claimedAt?: string;
  state?: ClaimState;
  expiresAt?: string;
  confirmedAt?: string;
  redeemedAt?: string;
  releasedAt?: string;
  /** The claims of a page, and the cursor of the next one. */
  listed?: [claimId: string, state: ClaimState][];
  nextCursor?: string;
  retryAfterS?: number;
  amount?: number;
  remainingAmount?: number;
};

/**
 * Groups of completions for tables. `shed`: rejected without a decision, and nothing changed. `unsent`: gave up before
 * a connection was free.
 */
export type OutcomeClass = 'won' | 'refused' | 'shed' | 'unsent' | 'unknown' | 'other';

/** Every `OutcomeClass`, in the order of display. */
export const outcomeClasses = ['won', 'refused', 'shed', 'unsent', 'unknown', 'other'] as const;

/** The label of a class. `won` may exceed the units: a replayed claim counts again. */
export function labelOf(outcomeClass: OutcomeClass): string {
  return outcomeClass === 'won' ? 'ok' : outcomeClass;
}

/** No connection was established, so nothing was sent. */
export const refusedCompletion: Completion = { type: 'fail', outcome: 'refused', effect: 'none' };

/** The request timed out in the queue for a connection. It was never sent, so it is in no history. */
export const notSentCompletion: Completion = { type: 'fail', outcome: 'not_sent', effect: 'none' };

const decisions = new Set([
  ...['already_claimed', 'not_open', 'paused', 'closed', 'sold_out', 'coupon_not_found'],
  ...['claim_limit_reached', 'hold_expired', 'claim_released'],
]);
const sheds = new Set(['overloaded', 'unavailable', 'rate_limited', 'refused']);

const successes: Record<Exclude<Operation, 'claim' | ClaimChange>, string> = {
  create: 'created',
  find_claim: 'found',
  list_claims: 'listed',
  read: 'read',
  add_stock: 'stock_added',
};
const changed: Record<ClaimChange, string> = {
  confirm: 'confirmed',
  release: 'released',
  redeem: 'redeemed',
};

/** The completion of a request without a readable answer. */
export function noAnswerCompletion(outcome: 'timeout' | 'reset' | Unreadable): Completion {
  return { type: 'info', outcome, effect: 'unknown' };
}

/** Interprets an answer. One that violates the contract proves nothing, whatever its status. */
export function completionOf(f: Operation, answer: Answer): Completion {
  const body = toObject(answer.body);
  const content = body === undefined ? undefined : readContent(f, answer, body);
  const completion = content ?? noAnswerCompletion('unreadable_body');
  completion.http = answer.status;
  if (answer.retryAfterS !== undefined) completion.retryAfterS = answer.retryAfterS;
  return completion;
}

/** The class of a completion. */
export function classOf(f: Operation, { type, outcome }: Completion): OutcomeClass {
  if (type === 'info') return 'unknown';
  if (sheds.has(outcome)) return 'shed';
  if (outcome === notSentCompletion.outcome) return 'unsent';
  if (f !== 'claim') return 'other';
  if (type === 'ok') return 'won';
  return decisions.has(outcome) ? 'refused' : 'other';
}

/** Whether the same request may get a different answer later: it was shed, or its outcome is unknown. */
export function isUndecided({ type, outcome }: Completion): boolean {
  return type === 'info' || sheds.has(outcome);
}

type Body = Record<string, unknown>;

function readContent(f: Operation, answer: Answer, body: Body): Completion | undefined {
  if (answer.status >= 200 && answer.status < 300) {
    return readSuccess(f, answer, body);
  }
  const { code, effect } = body;
  if (typeof code !== 'string' || (effect !== 'none' && effect !== 'unknown')) return undefined;
  return {
    type: effect === 'none' ? 'fail' : 'info',
    outcome: code,
    effect,
    ...claimIn(toObject(body.claim) ?? toObject(body.last_claim) ?? body),
  };
}

function readSuccess(f: Operation, answer: Answer, body: Body): Completion | undefined {
  if (f === 'claim') return readClaim(answer, body, 'claimed');
  if (f === 'confirm' || f === 'release' || f === 'redeem') {
    return readClaim(answer, body, changed[f]);
  }
  const completion: Completion = { type: 'ok', outcome: successes[f] };
  if (f === 'find_claim') {
    const claim = claimIn(body);
    return claim.claimId === undefined ? undefined : { ...completion, ...claim };
  }
  if (f === 'list_claims') return readPage(completion, body);
  const { amount, remaining_amount: remainingAmount } = body;
  if (typeof amount !== 'number' || typeof remainingAmount !== 'number') return undefined;
  return f === 'read' ? { ...completion, amount, remainingAmount } : completion;
}

function readPage(completion: Completion, body: Body): Completion | undefined {
  const { claims, next_cursor: nextCursor } = body;
  if (!Array.isArray(claims)) return undefined;
  const listed: NonNullable<Completion['listed']> = [];
  for (const claim of claims) {
    const { claimId, state } = claimIn(toObject(claim) ?? {});
    if (claimId === undefined || state === undefined) return undefined;
    listed.push([claimId, state]);
  }
  return { ...completion, listed, ...(typeof nextCursor === 'string' && { nextCursor }) };
}

/** The claim of a success. */
function readClaim(answer: Answer, body: Body, outcome: string): Completion | undefined {
  const claim = claimIn(body);
  if (claim.claimId === undefined || claim.position === undefined) return undefined;
  return { type: 'ok', outcome: answer.isReplay ? 'replayed' : outcome, ...claim };
}

type ShownClaim = Omit<Completion, 'type' | 'outcome'>;

function claimIn(body: Body): ShownClaim {
  const { claim_id: claimId, position, claimed_at: claimedAt } = body;
  const claim: ShownClaim = {};
  if (typeof claimId === 'string') claim.claimId = claimId;
  if (typeof position === 'number') claim.position = position;
  if (typeof claimedAt === 'string') claim.claimedAt = claimedAt;
  const state = claimStates.find((one) => one === body.state);
  if (state === undefined || claim.claimId === undefined) return claim;
  claim.state = state;
  const { expires_at: expiresAt, confirmed_at: confirmedAt } = body;
  const { redeemed_at: redeemedAt, released_at: releasedAt } = body;
  if (typeof expiresAt === 'string') claim.expiresAt = expiresAt;
  if (typeof confirmedAt === 'string') claim.confirmedAt = confirmedAt;
  if (typeof redeemedAt === 'string') claim.redeemedAt = redeemedAt;
  if (typeof releasedAt === 'string') claim.releasedAt = releasedAt;
  return claim;
}

function toObject(value: unknown): Body | undefined {
  try {
    const parsed = typeof value === 'string' ? JSON.parse(value) : value;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? parsed
      : undefined;
  } catch {
    return undefined;
  }
}

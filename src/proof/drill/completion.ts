// SPDX-License-Identifier: GPL-3.0-or-later
/** Interprets an answer: what it says, and whether that is certain. */
import {
  type ClaimChange,
  type ClaimState,
  claimStates,
  type Operation,
  type SagaState,
  sagaStates,
  type TicketState,
  ticketStates,
} from '../history.ts';
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
  sagaId?: string;
  sagaState?: SagaState;
  /** On an unknown outcome that names a ticket. */
  ticketId?: string;
  /** Of a read ticket, and of a claim that ended with its ticket. */
  ticketState?: TicketState;
  /** Of a read ticket: what was decided. */
  result?: Record<string, unknown>;
  /** The claims of a page, and the cursor of the next one. */
  listed?: [claimId: string, state: ClaimState][];
  nextCursor?: string;
  retryAfterS?: number;
  ageS?: number;
  amount?: number;
  remainingAmount?: number;
};

/** A 202: the claim waits in a queue, and its ticket shows what becomes of it. */
export type Acceptance = { type: 'accepted'; outcome: 'accepted'; http: 202; ticketId: string };

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
const sheds = new Set(['overloaded', 'unavailable', 'rate_limited', 'refused', 'ticket_expired']);

const successes: Record<Exclude<Operation, 'claim' | 'read_ticket' | ClaimChange>, string> = {
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

/** An answer as text, or as the JSON that it holds. */
type ReadableAnswer = Omit<Answer, 'body' | 'isLast'> & { body: unknown };

/** Interprets an answer. One that violates the contract proves nothing, whatever its status. */
export function completionOf(f: Operation, answer: ReadableAnswer): Completion | Acceptance {
  const body = toObject(answer.body);
  const ticketId = f === 'claim' && answer.status === 202 ? body?.ticket_id : undefined;
  if (typeof ticketId === 'string') {
    return { type: 'accepted', outcome: 'accepted', http: 202, ticketId };
  }
  const content = body === undefined ? undefined : readContent(f, answer, body);
  const completion = content ?? noAnswerCompletion('unreadable_body');
  completion.http = answer.status;
  if (answer.retryAfterS !== undefined) completion.retryAfterS = answer.retryAfterS;
  return completion;
}

/**
 * The completion of an accepted claim whose ticket was read in a final state: what was decided, as if it were the answer to
 * the claim. Undefined while the ticket is not final.
 */
export function completionByTicket({ ticketState, result }: Completion): Completion | undefined {
  if (ticketState === 'expired' || ticketState === 'failed') {
    const outcome = `ticket_${ticketState}`;
    return { type: 'fail', outcome, http: 200, effect: 'none', ticketState };
  }
  if (ticketState !== 'decided' || result === undefined) return undefined;
  const { status, replayed } = result;
  if (typeof status !== 'number') return undefined;
  const answer = { status, isReplay: replayed === true };
  const completion = readContent('claim', { ...noHeaders, ...answer }, result);
  return { ...(completion ?? noAnswerCompletion('unreadable_body')), http: status, ticketState };
}

/** The completion of an accepted claim whose ticket was followed for as long as a ticket may last, or the drill has ended. */
export const openTicketCompletion: Completion = {
  ...{ type: 'info', outcome: 'ticket_open', effect: 'unknown' },
};

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

/** The part of an answer that the interpretation of its body needs. */
type AnswerHead = Pick<Answer, 'status' | 'isReplay' | 'ageS'>;

const noHeaders = { ageS: undefined };

function readContent(f: Operation, answer: AnswerHead, body: Body): Completion | undefined {
  if (answer.status >= 200 && answer.status < 300) {
    return readSuccess(f, answer, body);
  }
  const { code, effect } = body;
  if (typeof code !== 'string' || (effect !== 'none' && effect !== 'unknown')) return undefined;
  return {
    type: effect === 'none' ? 'fail' : 'info',
    outcome: code,
    effect,
    ...(typeof body.ticket_id === 'string' && { ticketId: body.ticket_id }),
    ...claimIn(toObject(body.claim) ?? toObject(body.last_claim) ?? body),
  };
}

function readSuccess(f: Operation, answer: AnswerHead, body: Body): Completion | undefined {
  if (f === 'claim') return readClaim(answer, body, 'claimed');
  // An operator has asked for the undo of its saga; the claim is released later.
  if (f === 'release' && answer.status === 202) return readClaim(answer, body, 'undo_requested');
  if (f === 'confirm' || f === 'release' || f === 'redeem') {
    return readClaim(answer, body, changed[f]);
  }
  if (f === 'read_ticket') return readTicket(body);
  const completion: Completion = { type: 'ok', outcome: successes[f] };
  if (f === 'find_claim') {
    const claim = claimIn(body);
    return claim.claimId === undefined ? undefined : { ...completion, ...claim };
  }
  if (f === 'list_claims') return readPage(completion, body);
  const { amount, remaining_amount: remainingAmount } = body;
  if (typeof amount !== 'number' || typeof remainingAmount !== 'number') return undefined;
  if (f !== 'read') return completion;
  const { ageS } = answer;
  return { ...completion, amount, remainingAmount, ...(ageS !== undefined && { ageS }) };
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

function readTicket(body: Body): Completion | undefined {
  const ticketState = ticketStates.find((state) => state === body.state);
  const result = toObject(body.result);
  const isWhole = (ticketState === 'decided') === (result !== undefined);
  if (ticketState === undefined || !isWhole) return undefined;
  return { type: 'ok', outcome: ticketState, ticketState, ...(result && { result }) };
}

/** The claim of a success. */
function readClaim(answer: AnswerHead, body: Body, outcome: string): Completion | undefined {
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
  const sagaState = sagaStates.find((one) => one === body.saga_state);
  if (typeof body.saga_id === 'string') claim.sagaId = body.saga_id;
  if (sagaState !== undefined) claim.sagaState = sagaState;
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

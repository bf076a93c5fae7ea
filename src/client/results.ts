// SPDX-License-Identifier: GPL-3.0-or-later
import type { AcceptedTicket, Claim, Problem } from './api-types.ts';

/** The code of an error. A call that may have taken effect although the service reports an error is `unknown` instead. */
export type RefusalCode = Exclude<Problem['code'], 'outcome_unknown'>;

/** The call changed nothing. `outcome` is the code of the problem. */
export type Refusal<Code extends RefusalCode = RefusalCode> = {
  [One in Code]: {
    outcome: One;
    /** The HTTP status. */
    status: number;
    /**
     * What the service said. The client makes the problem itself, with an empty `instance`, where no request reached the
     * service (`unavailable`), and where a name cannot be a part of a path (`invalid_request`).
     */
    problem: Problem & { code: One };
  };
}[Code];

/**
 * The call may have taken effect or not: an answer was lost, and no repeat got one before the deadline. Another call with the
 * same `idempotency_key`, or for a confirm or release with the same `claim_id`, gets the true outcome.
 */
export type Unknown = {
  outcome: 'unknown';
  /** The key of the call, if it has one. */
  idempotency_key?: string;
  /** The claim: the id that the call sent, or the one that a new claim has if it is stored, where the service named it. */
  claim_id?: string;
  /** The ticket of a claim that may be in the queue. */
  ticket_id?: string;
  /** The last error of the service, if there was one. */
  problem?: Problem;
  /** Why the last answer is missing. */
  cause?: unknown;
};

/** The call took effect, or returns what it read. */
export type Ok<Value> = {
  outcome: 'ok';
  /** The HTTP status: 202 where the call only started something. */
  status: number;
  value: Value;
  /** An earlier attempt, or an earlier call with the same key, took effect. This one changed nothing. */
  replayed: boolean;
};

/** The result of a call that changes nothing. `unavailable` also stands for answers that did not arrive. */
export type ReadResult<Value> = Ok<Value> | Refusal;

/** The result of a call that changes something. */
export type WriteResult<Value> = Ok<Value> | Refusal<Exclude<RefusalCode, 'internal'>> | Unknown;

/** The user has the claim, and it is committed. */
export type Claimed = {
  outcome: 'claimed';
  status: number;
  /** The claim as it is now: also a replay shows its present state. */
  claim: Claim;
  /** The claim was made by an earlier attempt, or by an earlier call with the same key. */
  replayed: boolean;
  idempotency_key: string;
};

/** The claim waits in the queue. `readTicket` and `streamTicket` return its result. */
export type Accepted = {
  outcome: 'accepted';
  status: number;
  ticket: AcceptedTicket;
  idempotency_key: string;
};

/** The result of a claim. */
export type ClaimResult = Claimed | Accepted | Refusal<Exclude<RefusalCode, 'internal'>> | Unknown;

// SPDX-License-Identifier: GPL-3.0-or-later
import type { AcceptedTicket, Claim, Problem } from './api-types.ts';
import type { Ending } from './ending.ts';
import type { ClaimResult, Ok, Refusal, Unknown, WriteResult } from './results.ts';
import { isProblem } from './send.ts';

/** What identifies a call that may have taken effect. */
export type CallIds = { idempotency_key?: string; claim_id?: string };

/** The result of a call of any operation but a claim. */
export function operationResult(ending: Ending, ids: CallIds): WriteResult<unknown> {
  return failure(ending, ids) ?? success(ending);
}

/** The result of a claim. */
export function claimResult(ending: Ending, idempotency_key: string): ClaimResult {
  const { status, body, replayed } = ending;
  const failed = failure(ending, { idempotency_key });
  if (failed !== undefined) return failed;
  if (status === 202) {
    return { outcome: 'accepted', status, ticket: body as AcceptedTicket, idempotency_key };
  }
  return { outcome: 'claimed', status, claim: body as Claim, replayed, idempotency_key };
}

type Failure = Refusal<Exclude<Refusal['outcome'], 'internal'>> | Unknown;

function failure({ isKnown, status, body, cause }: Ending, ids: CallIds): Failure | undefined {
  const problem = isProblem(body) ? (body as unknown as Problem) : undefined;
  if (isKnown) {
    return problem && ({ outcome: problem.code, status, problem } as Failure);
  }
  return {
    outcome: 'unknown',
    ...ids,
    ...(problem?.claim_id !== undefined && { claim_id: problem.claim_id }),
    ...(problem?.ticket_id !== undefined && { ticket_id: problem.ticket_id }),
    ...(problem && { problem }),
    ...(cause !== undefined && { cause }),
  };
}

function success({ status, body, replayed }: Ending): Ok<unknown> {
  return { outcome: 'ok', status, value: body, replayed };
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `claims`: shows or changes one claim of a running service over HTTP, as any client can. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import type { StartError } from '../core/errors.ts';
import type { ClaimsArguments, Output, Verdict } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import {
  answerTo,
  LostAnswerError,
  originOf,
  type ProblemBody,
  refusalBy,
  type ServiceAnswer,
  type ServiceCall,
} from './service-client.ts';

/** A claim as the API returns it. */
type ClaimBody = { claim_id: string; state: string } & Record<string, string | number>;

type Answer = ServiceAnswer<ClaimBody>;

/** A problem with what the calls of this command add to it. */
type ClaimProblem = ProblemBody & {
  claim?: ClaimBody;
  last_claim?: ClaimBody;
  saga_id?: string;
};

/**
 * Makes the call and prints the claim as it is then. Rejects with a `StartError` that says what to do when the service
 * refuses the call, or cannot be reached.
 */
export async function callOnClaim(
  { http: { host, port }, auth }: Config,
  { url = ownUrl(host, port), ...given }: ClaimsArguments,
  output: Output,
): Promise<Verdict> {
  const origin = originOf(url);
  const key = (auth.adminApiKey ?? auth.claimApiKey)?.reveal();
  const send = (call: Omit<ServiceCall, 'key'>) =>
    answerTo<ClaimBody>(origin, { ...call, key }, 'claim_id');
  const print = (answer: Answer) => {
    if (given.json) output.stdout(`${answer.text.trim()}\n`);
    else if (answer.isDone) output.stdout(linesOf(answer.body));
  };
  const path = `/api/coupons/${encodeURIComponent(given.coupon)}/claims/${encodeURIComponent(given.user)}`;
  const toRefusal = (answer: Answer) => {
    print(answer);
    return toError(origin, answer.body as ClaimProblem, given);
  };

  const read = await send({ path });
  if (given.call === 'show') {
    if (!read.isDone) throw toRefusal(read);
    print(read);
    return 'passed';
  }
  // With the id a repeat cannot change a newer claim of the user.
  const claimId = given.claimId ?? claimIdIn(read);
  if (claimId === undefined) throw toRefusal(read);
  const sent = { ...given, claimId, idempotencyKey: given.idempotencyKey ?? randomUUID() };
  try {
    const answer = await send({ ...changeOf(sent), path: `${path}/${given.call}` });
    if (answer.isDone) {
      print(answer);
      if (answer.status === 202) output.stderr(undoneBy(answer.body));
      return 'passed';
    }
    if (answer.body.code !== 'outcome_unknown') throw toRefusal(answer);
    print(answer);
  } catch (error) {
    if (!(error instanceof LostAnswerError)) throw error;
  }
  const again = given.call === 'redeem' ? ` --idempotency-key ${sent.idempotencyKey}` : '';
  output.stderr(
    `firstcome: the answer was lost, and the claim may have changed\n` +
      `Run the command again with --claim-id ${claimId}${again}\n`,
  );
  return 'unknown';
}

/** What happens to a claim whose release has been asked of its saga. */
function undoneBy({ saga_id: sagaId }: ClaimBody): string {
  return (
    'firstcome: the saga of the claim undoes its steps, and releases the claim then\n' +
    `See it with: firstcome sagas show ${sagaId}\n`
  );
}

/** The live claim, else the last one that was released. */
function claimIdIn(answer: Answer): string | undefined {
  if (answer.isDone) return answer.body.claim_id;
  return (answer.body as ClaimProblem).last_claim?.claim_id;
}

function changeOf({ call, claimId, reason, final, idempotencyKey }: ClaimsArguments) {
  return {
    method: 'POST' as const,
    ...(call === 'redeem' && { headers: { 'Idempotency-Key': String(idempotencyKey) } }),
    body: { claim_id: claimId, reason, ...(final && { final }) },
  };
}

/** A line for each member. Texts of callers are quoted, so that spaces at their ends show. */
function linesOf(claim: ClaimBody): string {
  const quoted = new Set(['coupon_name', 'user_id', 'reason']);
  return Object.entries(claim)
    .map(([name, value]) => {
      const shown = quoted.has(name) ? JSON.stringify(value) : value;
      return `${name.padEnd(13)}${shown}\n`;
    })
    .join('');
}

/** What the service says, and what to do about it. */
function toError(origin: string, problem: ClaimProblem, given: ClaimsArguments): StartError {
  const { claim, last_claim: lastClaim, saga_id: sagaId } = problem;
  const { call, coupon, user } = given;
  const names = `${JSON.stringify(user)} of the coupon ${JSON.stringify(coupon)}`;
  return refusalBy(origin, problem, {
    unauthorized: [
      `the service at ${origin} wants a valid key (401)`,
      'Set ADMIN_API_KEY or CLAIM_API_KEY to a key of the service.',
    ],
    coupon_not_found: [`there is no coupon ${JSON.stringify(coupon)}`],
    claim_not_found: [
      `there is no live claim by ${names}`,
      ...(lastClaim ? [`The last one ended at ${endOf(lastClaim)}.`] : []),
    ],
    claim_mismatch: [
      `that is no claim by ${names}`,
      ...(claim ? [`To ${call} the live one, run it with --claim-id ${claim.claim_id}`] : []),
    ],
    saga_running: [
      'the saga of the claim confirms or releases it',
      `See it with: firstcome sagas show ${sagaId}`,
      ...(call === 'release' ? ['With the admin key a release has the saga undo its steps.'] : []),
    ],
    already_redeemed: [`the claim was redeemed${claim ? ` at ${claim.redeemed_at}` : ''}`],
    hold_expired: [`the hold has expired; the user can claim again`],
    claim_released: ['the claim was released', ...(claim ? [`It ended at ${endOf(claim)}.`] : [])],
    not_confirmed: ['the claim is reserved', 'Confirm it first, with: firstcome claims confirm'],
  });
}

/** When a released claim ended and, where its release has a reason, why. */
function endOf({ released_at: releasedAt, reason }: ClaimBody): string {
  return reason === undefined ? `${releasedAt}` : `${releasedAt}: ${reason}`;
}

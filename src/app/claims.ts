// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `claims`: shows or changes one claim of a running service over HTTP, as any client can. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { ClaimsArguments, Output, Verdict } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import { LostAnswerError, originOf, type ServiceCall, sendTo } from './service-client.ts';

/** A claim as the API returns it. */
type ClaimBody = { claim_id: string; state: string } & Record<string, string | number>;

/** A problem as the API returns it. */
type ProblemBody = { code: string; detail: string; claim?: ClaimBody; last_claim?: ClaimBody };

type Answer = { status: number; text: string; body: ClaimBody | ProblemBody };

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
  const send = (call: Omit<ServiceCall, 'key'>) => answerOf(origin, { ...call, key });
  const print = ({ text, body }: Answer, isDone: boolean) => {
    if (given.json) output.stdout(`${text.trim()}\n`);
    else if (isDone) output.stdout(linesOf(body as ClaimBody));
  };
  const path = `/api/coupons/${encodeURIComponent(given.coupon)}/claims/${encodeURIComponent(given.user)}`;
  const toRefusal = (answer: Answer) => {
    print(answer, false);
    return refusalBy(origin, answer.body as ProblemBody, given);
  };

  const read = await send({ path });
  if (given.call === 'show') {
    if (read.status !== 200) throw toRefusal(read);
    print(read, true);
    return 'passed';
  }
  // With the id a repeat cannot change a newer claim of the user.
  const claimId = given.claimId ?? claimIdIn(read);
  if (claimId === undefined) throw toRefusal(read);
  const sent = { ...given, claimId, idempotencyKey: given.idempotencyKey ?? randomUUID() };
  try {
    const answer = await send({ ...changeOf(sent), path: `${path}/${given.call}` });
    if (answer.status === 200) {
      print(answer, true);
      return 'passed';
    }
    if (codeOf(answer) !== 'outcome_unknown') throw toRefusal(answer);
    print(answer, false);
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

async function answerOf(origin: string, call: ServiceCall): Promise<Answer> {
  const { status, text } = await sendTo(origin, call);
  try {
    const body = JSON.parse(text);
    if (status === 200 ? 'claim_id' in body : 'code' in body) return { status, text, body };
  } catch {
    // Not JSON, so no answer of the service.
  }
  throw new StartError(
    `what answers at ${origin} is no firstcome (${status})\nSet the address of the service with --url.`,
  );
}

function codeOf({ body }: Answer): string {
  return (body as ProblemBody).code;
}

/** The live claim, else the last one that was released. */
function claimIdIn({ status, body }: Answer): string | undefined {
  if (status === 200) return (body as ClaimBody).claim_id;
  return (body as ProblemBody).last_claim?.claim_id;
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
function refusalBy(
  origin: string,
  { code, detail, claim, last_claim: lastClaim }: ProblemBody,
  { call, coupon, user }: ClaimsArguments,
): StartError {
  const names = `${JSON.stringify(user)} of the coupon ${JSON.stringify(coupon)}`;
  const lines: Record<string, string[]> = {
    unauthorized: [
      `the service at ${origin} refuses the key (401)`,
      'Set ADMIN_API_KEY or CLAIM_API_KEY to a key of the service.',
    ],
    forbidden: [detail, 'Set ADMIN_API_KEY to the admin key of the service.'],
    coupon_not_found: [`there is no coupon ${JSON.stringify(coupon)}`],
    claim_not_found: [
      `there is no live claim by ${names}`,
      ...(lastClaim ? [`The last one ended at ${endOf(lastClaim)}.`] : []),
    ],
    claim_mismatch: [
      `that is no claim by ${names}`,
      ...(claim ? [`To ${call} the live one, run it with --claim-id ${claim.claim_id}`] : []),
    ],
    already_redeemed: [`the claim was redeemed${claim ? ` at ${claim.redeemed_at}` : ''}`],
    hold_expired: [`the hold has expired; the user can claim again`],
    claim_released: ['the claim was released', ...(claim ? [`It ended at ${endOf(claim)}.`] : [])],
    not_confirmed: ['the claim is reserved', 'Confirm it first, with: firstcome claims confirm'],
    route_not_found: [
      `the service at ${origin} has no such call`,
      'Set the address of a service of this version with --url.',
    ],
  };
  const others = [`${detail} (${code})`, ...(isForNow.has(code) ? [runAgain] : [])];
  return new StartError((lines[code] ?? others).join('\n'));
}

const isForNow = new Set(['overloaded', 'unavailable', 'rate_limited']);
const runAgain = 'This call has changed nothing. Run it again later.';

/** When a released claim ended and, where its release has a reason, why. */
function endOf({ released_at: releasedAt, reason }: ClaimBody): string {
  return reason === undefined ? `${releasedAt}` : `${releasedAt}: ${reason}`;
}

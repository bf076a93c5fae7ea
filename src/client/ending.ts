// SPDX-License-Identifier: GPL-3.0-or-later
import { unavailableProblem } from './made-problems.ts';
import { type AnyProblem, isProblem, type Lost } from './send.ts';

/**
 * When a request whose answer was lost is sent again. `read`: always, since it changes nothing. `repeat`: always, since the
 * service recognises it by its key or its claim id. `once`: only where the lost request cannot have taken effect.
 */
export type Repeats = 'read' | 'repeat' | 'once';

/** How a call ended, or would end now. */
export type Ending = {
  /** Another attempt could not end otherwise. */
  isFinal: boolean;
  /** Whether `body` is the outcome. If not, the call may have taken effect, and `body` is the last problem, if any. */
  isKnown: boolean;
  status: number;
  body: unknown;
  replayed: boolean;
  /** When the service can be asked again: as in the header of this name. */
  retryAfter?: string | number | null | undefined;
  /** Why there is no answer. */
  cause?: unknown;
};

/** An answer, as the header or the entry of a batch has it. */
export type Judged = Pick<Ending, 'status' | 'body' | 'replayed' | 'retryAfter'>;

/** What an answer means for a call whose attempt before ended so. */
export function answered(answer: Judged, earlier: Ending | undefined, repeats: Repeats): Ending {
  const { status, body, replayed, retryAfter } = answer;
  const problem = isProblem(body) ? body : undefined;
  const isFinal = problem === undefined || !isTemporary(status);
  const rest = { isFinal, status, replayed, retryAfter };
  if (problem === undefined || repeats === 'read') return { ...rest, isKnown: true, body };
  if (problem.effect !== 'none') return { ...rest, isKnown: false, body };
  const isKnown = earlier === undefined || earlier.isKnown || isDecision(status, problem);
  // A problem that names the claim says more than a later one that refuses an attempt.
  return { ...rest, isKnown, body: isKnown ? body : (earlier?.body ?? body) };
}

/** What it means for a call that no answer arrived. */
export function unanswered(lost: Lost, earlier: Ending | undefined, repeats: Repeats): Ending {
  const { isSent, retryAfter, cause } = lost;
  const isKnown = repeats === 'read' || !(isSent || earlier?.isKnown === false);
  const body = isKnown ? unavailableProblem(cause) : earlier?.body;
  const status = isKnown ? 503 : 0;
  return { isFinal: false, isKnown, status, body, replayed: false, retryAfter, cause };
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || (status >= 502 && status <= 504);
}

// Such an error also says that no earlier attempt took effect: the service searches for one before it decides. Others, such as
// `unauthorized`, are about the last attempt alone.
function isDecision(status: number, { code }: AnyProblem): boolean {
  if (status === 404) return code !== 'route_not_found';
  return status === 409 || status === 422 || code === 'sold_out';
}

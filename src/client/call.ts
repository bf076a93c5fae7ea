// SPDX-License-Identifier: GPL-3.0-or-later
import { answered, type Ending, type Repeats, unanswered } from './ending.ts';
import { environment, sleep } from './environment.ts';
import { delayMs, type RetryBudget } from './retry.ts';
import { type HttpRequest, type Service, send } from './send.ts';

/** What the calls of a client share. */
export type Connection = { service: Service; budget: RetryBudget };

/** A call: its request, and the limits of all its attempts together. */
export type Call = {
  request: HttpRequest;
  repeats: Repeats;
  /** In milliseconds of `environment.now`. */
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** How an attempt ended that was made before this call. */
  earlier?: Ending | undefined;
};

/** Sends a request until its ending is final, it may not be sent again, or its deadline is near. Throws what `send` throws. */
export async function call({ service, budget }: Connection, call: Call): Promise<Ending> {
  const { request, repeats, deadlineMs, signal } = call;
  let { earlier } = call;
  for (let attempts = 1; ; attempts += 1) {
    const limitMs = attemptMs(deadlineMs - environment.now(), repeats);
    const answer = await send(service, request, limitMs, signal);
    const ending: Ending =
      'isLost' in answer
        ? unanswered(answer, earlier, repeats)
        : answered(answer, earlier, repeats);
    if (ending.isFinal) {
      budget.answered(attempts > 1);
      return ending;
    }
    if (repeats === 'once' && !ending.isKnown) return ending;
    let { retryAfter } = ending;
    do {
      const waitMs = delayMs(attempts, retryAfter);
      if (environment.now() + waitMs >= deadlineMs) return ending;
      await sleep(waitMs, signal);
      retryAfter = null;
    } while (!budget.take());
    earlier = ending;
  }
}

const attemptMsMin = 1000;

/** How long one attempt may take: half of the time that is left, so that a request that hangs can be sent again. */
export function attemptMs(leftMs: number, repeats: Repeats): number {
  const wantedMs = repeats === 'once' ? leftMs : Math.max(leftMs / 2, attemptMsMin);
  return Math.max(0, Math.min(leftMs, wantedMs));
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { environment } from './environment.ts';

const firstDelayMs = 100;
const delayMsMax = 5000;

/**
 * How long to wait before the next attempt, of which `attempts` were made: a random part of a delay that doubles each time,
 * and never less than `Retry-After` says, in seconds or as a date.
 */
export function delayMs(
  attempts: number,
  retryAfter: string | number | null | undefined,
  random = environment.random(),
): number {
  const doubled = Math.min(delayMsMax, firstDelayMs * 2 ** (attempts - 1));
  return retryAfterMs(retryAfter) + random * doubled;
}

function retryAfterMs(retryAfter: string | number | null | undefined): number {
  if (retryAfter === null || retryAfter === undefined) return 0;
  const seconds = Number(retryAfter);
  const ms = Number.isNaN(seconds)
    ? Date.parse(String(retryAfter)) - environment.dateNow()
    : seconds * 1000;
  return ms > 0 ? ms : 0;
}

const tokensMax = 100;
const tokensPerSecond = 10;
const tokensPerAnswer = 0.1;

/**
 * How many requests may be repeats, over all calls of a client: each takes a token. A repeat that gets its answer costs
 * nothing. So in an outage a client repeats ten requests a second, after the first hundred, and repeats that fail are a
 * tenth of the answered requests.
 */
export class RetryBudget {
  private tokens = tokensMax;
  private filledAtMs = environment.now();

  /** Takes a token for a repeat. Returns false if there is none now. */
  take(): boolean {
    const nowMs = environment.now();
    this.add(((nowMs - this.filledAtMs) / 1000) * tokensPerSecond);
    this.filledAtMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Takes note of a final answer to a request, which was a repeat or not. */
  answered(wasRepeat: boolean): void {
    this.add(wasRepeat ? 1 + tokensPerAnswer : tokensPerAnswer);
  }

  private add(tokens: number): void {
    this.tokens = Math.min(tokensMax, this.tokens + tokens);
  }
}

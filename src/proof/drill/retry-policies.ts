// SPDX-License-Identifier: GPL-3.0-or-later
import { isUndecided } from './completion.ts';
import { Random, streamOf } from './random.ts';
import type { PlannedRetry, RetryPolicy } from './scenario.ts';

const firstDelayMs = 100;
const delayMsMax = 5_000;
const stormDelayMsMax = 400;
const retryStream = 2;

/**
 * Retries requests that were shed or have an unknown outcome, with the same key, on a random node. The delay is
 * `Retry-After` plus up to half of it; without that header it doubles each time, with jitter.
 */
export function retryUndecided(options: {
  attemptsMax: number;
  nodes: number;
  seed: number;
}): RetryPolicy {
  const { attemptsMax, nodes, seed } = options;
  // Separate from the random numbers of the plan, so that no answer changes the arrivals.
  const random = new Random(seed, retryStream);
  return ({ request }, completion) => {
    const { attempt } = request;
    if (!isUndecided(completion)) return [];
    if (attempt >= attemptsMax || request.f === 'read' || request.f === 'find_claim') return [];
    const { retryAfterS } = completion;
    const delayMs =
      retryAfterS === undefined
        ? firstDelayMs * 2 ** (attempt - 1) * (0.5 + random.fraction())
        : retryAfterS * 1000 * (1 + random.fraction() / 2);
    const node = random.below(nodes);
    return [
      {
        node,
        request: { ...request, attempt: attempt + 1 },
        delayMs: Math.min(delayMs, delayMsMax),
      },
    ];
  };
}

/**
 * Retries after every answer, whatever it says: one to three more attempts with the same key on random nodes, in
 * parallel or overtaking each other, until an intent has had `attemptsMax`. The draws of an intent depend on the seed
 * and its key alone, not on the order of the answers.
 */
export function retryEveryAnswer(options: {
  attemptsMax: number;
  nodes: number;
  seed: number;
}): RetryPolicy {
  const { attemptsMax, nodes, seed } = options;
  const intents = new Map<string, { attempts: number; random: Random }>();
  return ({ request }) => {
    const { key = '' } = request;
    const intent = intents.get(key) ?? {
      attempts: 1,
      random: new Random(seed, streamOf(key)),
    };
    const { random } = intent;
    const wanted = random.chance(0.7) ? 1 : 2 + random.below(2);
    const retries: PlannedRetry[] = [];
    for (let copy = 0; copy < wanted && intent.attempts < attemptsMax; copy += 1) {
      intent.attempts += 1;
      const delayMs = random.chance(0.3) ? 0 : random.fraction() * stormDelayMsMax;
      retries.push({
        ...{ node: random.below(nodes), delayMs },
        request: { ...request, attempt: intent.attempts },
      });
    }
    intents.set(key, intent);
    return retries;
  };
}

/** A policy that sends what all of these send. */
export function policyOf(...policies: readonly RetryPolicy[]): RetryPolicy {
  return (routed, completion) => policies.flatMap((policy) => policy(routed, completion));
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { Clients } from './clients.ts';
import { type Completion, isUndecided } from './completion.ts';
import type { RoutedRequest } from './request.ts';

/** What requests outside of the load need: those before and after it. */
export type SendContext = {
  clients: Clients;
  nodes: number;
  now(): number;
  signal: AbortSignal;
};

/** The last completion of a request, and the number of attempts. */
export type FinalAnswer = { completion: Completion; attempts: number };

const attemptsMax = 10;
const delayMs = 200;

/** Repeats a request until it is decided, at most ten times. With `anyNode` each attempt goes to the next node. */
export async function sendUntilDecided(
  { clients, nodes, now, signal }: SendContext,
  routed: RoutedRequest,
  anyNode: boolean,
): Promise<FinalAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const node = anyNode ? (routed.node + attempt - 1) % nodes : routed.node;
    const completion = await new Promise<Completion>((resolve) => {
      const pending = { node, request: { ...routed.request, attempt }, intendedMs: now() };
      clients.send({ ...pending, onDone: (done) => resolve(done.completion) });
    });
    if (!isUndecided(completion) || attempt === attemptsMax || signal.aborted) {
      return { completion, attempts: attempt };
    }
    await delay(delayMs);
  }
}

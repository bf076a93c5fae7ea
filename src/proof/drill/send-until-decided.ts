// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { Clients } from './clients.ts';
import { type Completion, isUndecided } from './completion.ts';
import type { RoutedRequest } from './request.ts';

/** Who asks outside of the load: before it, and after it. */
export type SendContext = {
  clients: Clients;
  nodes: number;
  now(): number;
  signal: AbortSignal;
};

/** How something that was asked again and again ended. */
export type FinalAnswer = { completion: Completion; attempts: number };

const attemptsMax = 10;
const delayMs = 200;

/** Asks until there is an answer that decides, ten times at most. With `anyNode` another node is asked each time. */
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

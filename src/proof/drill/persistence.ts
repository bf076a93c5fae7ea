// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { PlacedAsk } from './ask.ts';
import type { Clients } from './clients.ts';
import { type Completion, isUndecided } from './completion.ts';

/** Who asks outside of the load: before it, and after it. */
export type Persistence = {
  clients: Clients;
  nodes: number;
  now(): number;
  signal: AbortSignal;
};

/** How something that was asked again and again ended. */
export type Persisted = { completion: Completion; attempts: number };

const attemptsMax = 10;
const delayMs = 200;

/** Asks until there is an answer that decides, ten times at most. With `anyNode` another node is asked each time. */
export async function askUntilDecided(
  { clients, nodes, now, signal }: Persistence,
  placed: PlacedAsk,
  anyNode: boolean,
): Promise<Persisted> {
  for (let attempt = 1; ; attempt += 1) {
    const node = anyNode ? (placed.node + attempt - 1) % nodes : placed.node;
    const completion = await new Promise<Completion>((resolve) => {
      const asking = { node, ask: { ...placed.ask, attempt }, intendedMs: now() };
      clients.ask({ ...asking, onDone: (done) => resolve(done.completion) });
    });
    if (!isUndecided(completion) || attempt === attemptsMax || signal.aborted) {
      return { completion, attempts: attempt };
    }
    await delay(delayMs);
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** How soon a service notices that nothing commits any more, and that commits succeed again. */
import { setTimeout as wait } from 'node:timers/promises';
import type { PostgresServer } from '../test/faults/postgres-server.ts';
import { suspendServer } from '../test/support/suspended-server.ts';
import { say } from './clean-up.ts';
import type { FailoverClients } from './failover-clients.ts';
import { median, shown } from './statistics.ts';

/** Milliseconds after the freeze of the standby, and after its end. */
export type Stall = { unreadyMs: number; refusedMs: number; readyMs: number; servedMs: number };

const pollMs = 10;

/** Freezes the standby until the service is not ready and has refused a claim, and then lets it run again. */
export async function stall(
  standby: PostgresServer,
  clients: FailoverClients,
  url: string,
): Promise<Stall> {
  const frozenMs = performance.now();
  const frozen = await suspendServer(standby);
  try {
    const [unreadyMs, refusedMs] = await Promise.all([
      untilReadiness(url, 503),
      clients.untilRefused(),
    ]);
    const thawedMs = performance.now();
    frozen.resume();
    const [readyMs, servedMs] = await Promise.all([
      untilReadiness(url, 200),
      clients.untilServed(),
    ]);
    return {
      ...{ unreadyMs: unreadyMs - frozenMs, refusedMs: refusedMs - frozenMs },
      ...{ readyMs: readyMs - thawedMs, servedMs: servedMs - thawedMs },
    };
  } finally {
    frozen.resume();
  }
}

/** Prints the medians. */
export function reportStalls(stalls: readonly Stall[]): void {
  if (stalls.length === 0) return;
  const line = (name: keyof Stall) => {
    const values = stalls.map((one) => one[name]);
    const list = values.map((ms) => Math.round(ms)).join(', ');
    return `${shown(Math.round(median(values) ?? Number.NaN))} ms (${list})`;
  };
  say(
    `stall: from the freeze of the standby to /readyz 503 ${line('unreadyMs')}, ` +
      `to the first refused claim ${line('refusedMs')}; ` +
      `from its end to /readyz 200 ${line('readyMs')}, to the first claim ${line('servedMs')}`,
  );
}

/** Resolves with the moment in which `/readyz` has this status. */
async function untilReadiness(url: string, status: number): Promise<number> {
  for (;;) {
    const answer = await fetch(`${url}/readyz`);
    await answer.arrayBuffer();
    if (answer.status === status) return performance.now();
    await wait(pollMs);
  }
}

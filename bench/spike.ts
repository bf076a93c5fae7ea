// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims that arrive at a fixed rate, whatever the service does, and what became of them over time. */
import { Agent, request } from 'node:http';
import { userOf } from './set-up.ts';

/** How many claims had this by a moment, since the start. */
export type SpikeSample = {
  seconds: number;
  sent: number;
  /** 200 or 202. */
  taken: number;
  /** 503. */
  shed: number;
  /** Any other answer, and none. */
  failed: number;
  /** What the database has stored. */
  decided: number;
};

/** A spike. */
export type SpikeOrder = {
  url: string;
  coupon: string;
  /** Claims a second. */
  rate: number;
  seconds: number;
  /** The header `Prefer`; undefined: none. */
  prefer: string | undefined;
  /** How many claims of the coupon the database has stored. */
  readDecided(): Promise<number>;
};

const tickMs = 10;
const sampleMs = 250;
const socketsMax = 4_000;
const stalledMsMax = 10_000;

/** Sends the spike. Resolves when each claim has an answer and all that were taken are decided, or none for 10 s. */
export async function sendSpike(order: SpikeOrder): Promise<SpikeSample[]> {
  const { rate, readDecided, seconds } = order;
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  const counts = { sent: 0, taken: 0, shed: 0, failed: 0 };
  const samples: SpikeSample[] = [];
  const startMs = performance.now();
  const all = Math.round(rate * seconds);
  const timer = setInterval(() => {
    const due = Math.min(all, Math.floor(((performance.now() - startMs) * rate) / 1_000));
    while (counts.sent < due) {
      counts.sent += 1;
      sendClaim(agent, order, counts.sent, (outcome) => {
        counts[outcome] += 1;
      });
    }
  }, tickMs);
  try {
    for (let quiet = 0, isOver = false; !isOver && quiet * sampleMs < stalledMsMax; ) {
      const decided = await readDecided();
      const atMs = performance.now() - startMs;
      const isDone = counts.taken + counts.shed + counts.failed === all;
      quiet = isDone && decided === samples.at(-1)?.decided ? quiet + 1 : 0;
      isOver = isDone && decided === counts.taken;
      samples.push({ seconds: atMs / 1_000, ...counts, decided });
      await new Promise((resolve) => setTimeout(resolve, sampleMs));
    }
  } finally {
    clearInterval(timer);
    agent.destroy();
  }
  return samples;
}

function sendClaim(
  agent: Agent,
  { coupon, prefer, url }: SpikeOrder,
  user: number,
  onEnd: (outcome: 'taken' | 'shed' | 'failed') => void,
): void {
  const body = JSON.stringify({ user_id: userOf(user), coupon_name: coupon });
  const headers = {
    ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    ...(prefer !== undefined && { prefer }),
  };
  const outgoing = request(`${url}/api/coupons/claim`, { agent, method: 'POST', headers });
  outgoing.once('response', (response) => {
    const { statusCode = 0 } = response;
    response.resume();
    response.once('close', () =>
      onEnd(statusCode < 300 ? 'taken' : statusCode === 503 ? 'shed' : 'failed'),
    );
  });
  outgoing.once('error', () => onEnd('failed'));
  outgoing.end(body);
}

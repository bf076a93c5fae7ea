// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Claims of callers in one process, through the client. Arguments: how, URL, coupon, callers, claims a second, first user,
 * seconds to warm up, seconds to measure. The ways:
 *   loop   each caller claims again as soon as it has an answer; the client coalesces
 *   rate   claims at a fixed rate, whatever the answers; the client coalesces
 *   alone  one caller claims with the client and with plain `fetch` in turn
 */
import type { FirstcomeClient as Client } from '../src/client.ts';
import { ClaimRecord, claimAtRate, claimInLoop } from './claim-record.ts';
import { userOf } from './set-up.ts';
import { median } from './statistics.ts';

const [how, url = '', coupon_name = '', callers = '', ...numbers] = process.argv.slice(2);
const [rate = 1, firstUser = 1, warmSeconds = 1, seconds = 1] = numbers.map(Number);
const measuring = { firstUser, warmSeconds, seconds };
const { FirstcomeClient }: { FirstcomeClient: typeof Client } = await import(
  new URL('client.js', process.env.BUILT_SERVICE).href
);
const record = new ClaimRecord();
const callTimes: number[] = [];

if (how === 'alone') await claimAlone();
else await claimTogether();

async function claimTogether(): Promise<void> {
  const client = new FirstcomeClient({ url, coalesce: true, fetch: timedFetch });
  const claim = async (user: number) =>
    (await client.claim({ coupon_name, user_id: userOf(user) })).outcome;
  if (how === 'loop') await claimInLoop(Number(callers), measuring, record, claim);
  else await claimAtRate({ rate, underWayMax: Number(callers) }, measuring, record, claim);
  record.print({ callMs: median(callTimes) ?? 0 });
}

/** Measures each call until its body was read. */
async function timedFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  const sinceMs = performance.now();
  const response = await fetch(...request);
  const text = async () => {
    const body = await Response.prototype.text.call(response);
    if (record.isMeasuring) callTimes.push(performance.now() - sinceMs);
    return body;
  };
  return Object.defineProperty(response, 'text', { value: text });
}

async function claimAlone(): Promise<void> {
  const client = new FirstcomeClient({ url });
  const bareTimes: number[] = [];
  const measured = record.measure(measuring);
  for (let user = firstUser; !record.isOver; user += 2) {
    const ways = [() => withClient(user), () => withFetch(user + 1)];
    for (const claim of user % 4 === firstUser % 4 ? ways : ways.reverse()) await claim();
  }
  await measured;
  record.print({ bareFetchMs: median(bareTimes) ?? 0 });

  async function withClient(user: number): Promise<void> {
    const sinceMs = performance.now();
    const { outcome } = await client.claim({ coupon_name, user_id: userOf(user) });
    record.add(outcome, sinceMs);
  }

  async function withFetch(user: number): Promise<void> {
    const sinceMs = performance.now();
    const response = await fetch(`${url}/api/coupons/claim`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify({ coupon_name, user_id: userOf(user) }),
    });
    await response.json();
    if (record.isMeasuring) bareTimes.push(performance.now() - sinceMs);
    if (response.status === 200) record.acknowledged += 1;
  }
}

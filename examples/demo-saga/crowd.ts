// SPDX-License-Identifier: GPL-3.0-or-later
/** Users who claim a coupon. Those who find it sold out come again, since units of undone sagas come back. */
import { setTimeout as wait } from 'node:timers/promises';

const againMs = 250;
// Only a service that hangs exceeds it.
const answerMsMax = 120_000;
// The service is busy, or the outcome of the claim is in doubt: the same request is sent again.
const passingStatuses = [408, 429, 503];

/** A claim, as the service shows it. */
export type ClaimBody = { claim_id: string; user_id: string; state: string; saga_id: string };

/** Sends a request, and returns the status and the body of its response. Rejects without a response within two minutes. */
export async function call<Body>(
  url: string,
  options: { body?: unknown; key?: string; signal: AbortSignal },
): Promise<{ status: number; body: Body }> {
  const { body, key, signal } = options;
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
  });
  return { status: response.status, body: (await response.json()) as Body };
}

/** Reads a URL until the response is 200. Rejects at any status that does not pass by itself. */
export async function read<Body>(url: string, signal: AbortSignal): Promise<Body> {
  for (;;) {
    const { status, body } = await call<Body>(url, { signal });
    if (status === 200) return body;
    if (!passingStatuses.includes(status)) throw new Error(`GET ${url} returned ${status}`);
    await wait(againMs, undefined, { signal });
  }
}

/** The users of a demonstration. */
export class Crowd {
  /** How many users have no unit yet. */
  waiting = 0;
  private readonly service: string;
  private readonly coupon: string;
  private readonly signal: AbortSignal;
  private isOver = false;

  constructor(options: { service: string; coupon: string; signal: AbortSignal }) {
    this.service = options.service;
    this.coupon = options.coupon;
    this.signal = options.signal;
  }

  /** Claims for a user until a unit is his, or the crowd goes home. */
  async claim(user: string): Promise<ClaimBody | undefined> {
    this.waiting += 1;
    try {
      while (!this.isOver) {
        const { status, body } = await call<ClaimBody & { code?: string }>(
          `${this.service}/api/coupons/claim`,
          {
            body: { coupon_name: this.coupon, user_id: user },
            // The same key gets the first answer again, if that was lost.
            ...{ key: `claim-of-${user}`, signal: this.signal },
          },
        );
        if (status === 200 || status === 201) return body;
        if (body.code !== 'sold_out' && !passingStatuses.includes(status)) {
          throw new Error(`the claim of ${user} was answered ${status} ${body.code}`);
        }
        await wait(againMs, undefined, { signal: this.signal });
      }
      return undefined;
    } finally {
      this.waiting -= 1;
    }
  }

  goHome(): void {
    this.isOver = true;
  }
}

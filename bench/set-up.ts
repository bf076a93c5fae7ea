// SPDX-License-Identifier: GPL-3.0-or-later
/** Requests that prepare a run. The bench does not measure them. */
import { Agent, request } from 'node:http';

const connectionsMax = 64;

/** A request and the expected status of its response. */
export type SetUpRequest = { path: string; body: object; expect: number };

/** Sends all requests, 64 at a time. Rejects when a response has another status. */
export async function sendAll(url: string, requests: Iterable<SetUpRequest>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  const rest = requests[Symbol.iterator]();
  const work = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await send(agent, url, next.value);
  };
  try {
    await Promise.all(Array.from({ length: connectionsMax }, work));
  } finally {
    agent.destroy();
  }
}

function send(agent: Agent, url: string, { path, body, expect }: SetUpRequest): Promise<void> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const outgoing = request(url + path, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === expect) resolve();
        else reject(new Error(`${path} ${text}: expected ${expect}, got ${response.statusCode}`));
      });
    });
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}

/** The request that creates a coupon. */
export function coupon(name: string, amount: number): SetUpRequest {
  return { path: '/api/coupons', body: { name, amount }, expect: 201 };
}

/** A claim that must succeed. */
export function claim(couponName: string, user: number): SetUpRequest {
  const body = { user_id: userOf(user), coupon_name: couponName };
  return { path: '/api/coupons/claim', body, expect: 200 };
}

/** The id of a user, the same as in `load.lua`. */
export function userOf(number: number): string {
  return `user-${10_000_000_000 + ((number * 48_271) % 2_147_483_647)}`;
}

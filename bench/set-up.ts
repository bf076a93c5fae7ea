// SPDX-License-Identifier: GPL-3.0-or-later
/** Requests that prepare a run: nothing here is measured. */
import { Agent, request } from 'node:http';

const connectionsMax = 64;

/** A request and the status that it must have. */
export type Ask = { path: string; body: object; expect: number };

/** Sends all of them, 64 at a time. Rejects when one is answered otherwise. */
export async function askAll(url: string, asks: Iterable<Ask>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  const rest = asks[Symbol.iterator]();
  const work = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await ask(agent, url, next.value);
  };
  try {
    await Promise.all(Array.from({ length: connectionsMax }, work));
  } finally {
    agent.destroy();
  }
}

function ask(agent: Agent, url: string, { path, body, expect }: Ask): Promise<void> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const asking = request(url + path, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === expect) resolve();
        else reject(new Error(`${path} ${text} was answered ${response.statusCode}`));
      });
    });
    asking.once('error', reject);
    asking.end(text);
  });
}

/** The creation of a coupon. */
export function coupon(name: string, amount: number): Ask {
  return { path: '/api/coupons', body: { name, amount }, expect: 201 };
}

/** A claim that must win. */
export function claim(couponName: string, user: number): Ask {
  const body = { user_id: userOf(user), coupon_name: couponName };
  return { path: '/api/coupons/claim', body, expect: 200 };
}

/** The id of a user, as `load.lua` makes it. */
export function userOf(number: number): string {
  return `user-${10_000_000_000 + ((number * 48_271) % 2_147_483_647)}`;
}

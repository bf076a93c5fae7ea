// SPDX-License-Identifier: GPL-3.0-or-later
/** Every call of a service, for tests of their answers while the database has a fault. */
import type { Answer, Crowd } from './crowd.ts';

/** Makes one call for a coupon. */
export type Call = (coupon: string) => Promise<Answer>;

/** The calls of a service, by name. */
export type ServiceCalls = {
  /** Calls that only read. The user ada must hold the coupon. */
  reads: Record<string, Call>;
  /** Calls that write. */
  writes: Record<string, Call>;
};

let users = 0;

/** The calls of the service at a URL. */
export function callsOf(crowd: Crowd, url: string): ServiceCalls {
  const get = (path: string, headers: Record<string, string> = {}) =>
    crowd.send(url, { path, headers });
  const send = (method: string, path: string, body: unknown) =>
    crowd.send(url, { method, path, body });
  const newUser = () => `user-${++users}`;
  return {
    reads: {
      'read a coupon': (coupon) => get(`/api/coupons/${coupon}`),
      'list coupons': () => get('/api/coupons?limit=1000'),
      'find a claim': (coupon) => get(`/api/coupons/${coupon}/claims/ada`),
      'list claims': (coupon) => get(`/api/coupons/${coupon}/claims`),
      'export claims': (coupon) => get(`/api/coupons/${coupon}/claims`, { accept: 'text/csv' }),
    },
    writes: {
      claim: (couponName) => crowd.claim(url, { couponName, userId: newUser() }),
      'create a coupon': (coupon) =>
        send('POST', '/api/coupons', { name: `${coupon}-${newUser()}`, amount: 1 }),
      'add stock': (coupon) => send('POST', `/api/coupons/${coupon}/stock`, { add: 1 }),
      'change a coupon': (coupon) => send('PATCH', `/api/coupons/${coupon}`, { paused: false }),
    },
  };
}

/** Makes the calls one after the other. Each is `served`, or the status, code and effect of its refusal. */
export async function answersOf(
  calls: Record<string, Call>,
  coupon: string,
): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    const { status, body } = await call(coupon);
    answers[name] = status < 400 ? 'served' : `${status} ${body.code} ${body.effect}`;
  }
  return answers;
}

/** The expectation that each call gets the same answer. */
export function allAnswer(calls: Record<string, Call>, answer: string): Record<string, string> {
  return Object.fromEntries(Object.keys(calls).map((name) => [name, answer]));
}

/** The refusal without effect while there is no database. */
export const unavailable = '503 unavailable none';

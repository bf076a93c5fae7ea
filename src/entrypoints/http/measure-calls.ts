// SPDX-License-Identifier: GPL-3.0-or-later
import type { HttpApp } from './http-app.ts';
import type { HttpDependencies } from './route.ts';

// The engine counts claims by outcome, so they do not pay for a second count.
const leftOut = new Set(['claimCoupon']);

// A stream is open as long as its client wants, so the time until its end says nothing. Open ones have metrics of their own.
const streams = new Set(['streamStock', 'streamTicket']);

/** Counts the calls of each operation but claims. Must run before the routes are added. */
export function measureCalls(app: HttpApp, callAnswered: HttpDependencies['callAnswered']): void {
  app.addHook('onRoute', (route) => {
    const operation = route.schema?.operationId;
    if (operation === undefined || leftOut.has(operation)) return;
    route.onResponse = (_request, reply, done) => {
      const { statusCode: status, elapsedTime } = reply;
      if (status !== 200 || !streams.has(operation)) {
        callAnswered({ operation, status, seconds: elapsedTime / 1000 });
      }
      done();
    };
  });
}

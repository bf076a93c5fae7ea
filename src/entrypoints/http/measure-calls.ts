// SPDX-License-Identifier: GPL-3.0-or-later
import type { HttpApp, HttpDependencies } from './route.ts';

// The engine counts claims by outcome, so they do not pay for a second count.
const leftOut = new Set(['claimCoupon']);

/** Counts the calls of each operation but claims. Must run before the routes are added. */
export function measureCalls(app: HttpApp, callAnswered: HttpDependencies['callAnswered']): void {
  app.addHook('onRoute', (route) => {
    const operation = route.schema?.operationId;
    if (operation === undefined || leftOut.has(operation)) return;
    route.onResponse = (_request, reply, done) => {
      callAnswered({ operation, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
      done();
    };
  });
}

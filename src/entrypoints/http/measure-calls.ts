// SPDX-License-Identifier: GPL-3.0-or-later
import type { HttpApp, HttpParts } from './route.ts';

// Counted by the engine, by what they heard; they shall not pay for a second count.
const leftOut = new Set(['claimCoupon']);

/** Has every call of an operation counted but claims. To be called before the routes are added. */
export function measureCalls(app: HttpApp, callAnswered: HttpParts['callAnswered']): void {
  app.addHook('onRoute', (route) => {
    const operation = route.schema?.operationId;
    if (operation === undefined || leftOut.has(operation)) return;
    route.onResponse = (_request, reply, done) => {
      callAnswered({ operation, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
      done();
    };
  });
}

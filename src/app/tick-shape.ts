// SPDX-License-Identifier: GPL-3.0-or-later
import { createHook } from 'node:async_hooks';

let kept: object | undefined;

/**
 * Keeps one object of the kind that `process.nextTick` makes at each call, for as long as the process lives.
 *
 * Nothing else does: while no tick is pending, a full garbage collection also takes the hidden class of that object,
 * on which V8 holds only a weak reference. From then on each property of each such object is defined by a slow call of
 * the runtime, which does not recover. A request makes several, and with the bundled PostgreSQL, whose start leaves time
 * for such a collection, four processes of five spent 4 % of their main thread there (Node 20.20, `perf`).
 */
export function keepTickShape(): object | undefined {
  const hook = createHook({
    init(_asyncId, type, _triggerAsyncId, resource) {
      if (type === 'TickObject') kept = resource;
    },
  });
  hook.enable();
  process.nextTick(() => undefined);
  hook.disable();
  return kept;
}

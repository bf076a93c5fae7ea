// SPDX-License-Identifier: GPL-3.0-or-later
import { createHook } from 'node:async_hooks';

let kept: object | undefined;

/**
 * Keeps one object like those that `process.nextTick` creates, as long as the process lives.
 *
 * Without it, a full garbage collection while no tick is pending also collects the hidden class of these objects, to which
 * V8 has only a weak reference. From then on a slow runtime call defines each property of each such object. Every request
 * creates several. Four of five processes spent 4 % of their main thread there with the bundled PostgreSQL, whose start
 * leaves time for such a collection (Node 20.20, `perf`).
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

// SPDX-License-Identifier: GPL-3.0-or-later

import { absent, never } from './columns.ts';
import type { Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** Stock that a client requested, by the creation or an addition. Several requests with one key count once. */
export type Grant = {
  unitsMin: number;
  unitsMax: number;
  /** The event of the first request. The stock cannot be older. */
  begun: number;
  /** The event of the first answer that confirms it; `never` without one. The stock cannot be younger. */
  done: number;
  doneMs: number;
};

/** The stock of a coupon according to the history. */
export type Grants = {
  /** Undefined when the history contains no creation that may have succeeded. */
  created: Grant | undefined;
  added: Grant[];
};

/** Collects the stock that was granted, or may have been. */
export function grantsOf(history: RecordedHistory, sale: Sale): Grants {
  const byKey = new Map<number, Grant>();
  const grants: Grants = { created: undefined, added: [] };
  for (const op of sale.ops) {
    const operation = history.operation(op);
    if (history.type(op) === 'fail') continue;
    if (operation === 'create') grants.created = merged(grants.created, toGrant(history, op));
    if (operation !== 'add_stock') continue;
    const key = history.key.at(op);
    const before = key === absent ? undefined : byKey.get(key);
    const grant = merged(before, toGrant(history, op));
    if (before !== undefined) continue;
    grants.added.push(grant);
    if (key !== absent) byKey.set(key, grant);
  }
  grants.added.sort((a, b) => a.done - b.done);
  return grants;
}

/** The units that certainly existed when an operation began whose answer may be `delayMs` old. */
export function grantedBefore(
  grants: Grants,
  { event, ms, delayMs }: { event: number; ms: number; delayMs: number },
): number {
  let units = grants.created?.unitsMin ?? 0;
  for (const grant of grants.added) {
    // In order of `done`: all further grants came later.
    if (grant.done >= event || grant.doneMs > ms - delayMs) break;
    units += grant.unitsMin;
  }
  return units;
}

/** Returns whether stock may have been added after the state that an answer shows, which may be `delayMs` old. */
export function stockMayComeAfter(
  history: RecordedHistory,
  sale: Sale,
  delayMs: number,
): (op: number) => boolean {
  const { added } = grantsOf(history, sale);
  return (op) =>
    added.some(({ done, doneMs }) => {
      return done >= history.begunEvent.at(op) || doneMs > history.begunMs.at(op) - delayMs;
    });
}

/**
 * The time after which no stock comes any more, which is that of the last addition. An addition with an unknown outcome
 * may take effect much later, unless another answer under its key confirms it.
 */
export function lastGrantMs(history: RecordedHistory, { ops }: Sale): number {
  const confirmed = new Map<string | null, number>();
  const unconfirmed: (string | null)[] = [];
  for (const op of ops) {
    if (history.operation(op) !== 'add_stock' || history.type(op) === 'fail') continue;
    const key = history.keyText(op);
    if (history.type(op) === 'ok') confirmed.set(key, history.endMs(op));
    else unconfirmed.push(key);
  }
  const isOpen = unconfirmed.some((key) => key === null || !confirmed.has(key));
  return isOpen ? Number.POSITIVE_INFINITY : Math.max(0, ...confirmed.values());
}

function toGrant(history: RecordedHistory, op: number): Grant {
  const units = history.units.at(op);
  const isDone = history.type(op) === 'ok';
  return {
    unitsMin: units,
    unitsMax: units,
    begun: history.begunEvent.at(op),
    done: isDone ? history.endEvent(op) : never,
    doneMs: isDone ? history.endMs(op) : Number.POSITIVE_INFINITY,
  };
}

/** Merges two requests for the same stock, either of which may have granted it. Changes and returns the first. */
function merged(first: Grant | undefined, second: Grant): Grant {
  if (first === undefined) return second;
  first.unitsMin = Math.min(first.unitsMin, second.unitsMin);
  first.unitsMax = Math.max(first.unitsMax, second.unitsMax);
  first.begun = Math.min(first.begun, second.begun);
  first.done = Math.min(first.done, second.done);
  first.doneMs = Math.min(first.doneMs, second.doneMs);
  return first;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The operations of one run as its clients saw them, for the checks of rows and for the summary. */
import { readFileSync } from 'node:fs';
import type { Dump } from '../../src/proof/dump.ts';
import type { HistoryEvent, HistoryHead } from '../../src/proof/history.ts';
import type { TimeSpan } from './fault-spans.ts';
import { isChange } from './loads.ts';

/** An operation with its answer. `type` is undefined when the history ends before the answer. */
export type Seen = {
  f: HistoryEvent['f'];
  node: string;
  coupon: string;
  user: string | undefined;
  begunMs: number;
  endMs: number;
  type: HistoryEvent['type'] | undefined;
  http: number | undefined;
  outcome: string | undefined;
  claimId: string | undefined;
};

/** Claims and changes whose outcome their clients do not know, by what the database shows. */
export type Unknowns = { stored: number; notStored: number };

const decisions = new Set([
  ...['sold_out', 'already_claimed', 'not_open', 'paused', 'closed', 'coupon_not_found'],
  ...['claim_not_found', 'claim_mismatch', 'claim_limit_reached', 'not_confirmed'],
  ...['hold_expired', 'claim_released', 'already_redeemed'],
]);

/** Reads the head of a history; undefined until it is written. */
export function readHead(file: string): HistoryHead | undefined {
  try {
    const [line = '', ...others] = readFileSync(file, 'utf8').split('\n');
    return others.length === 0 ? undefined : (JSON.parse(line) as HistoryHead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether the history holds an operation. */
export function hasBegun(file: string): boolean {
  return readHead(file) !== undefined && readSeen(file).length > 0;
}

/** Reads all operations of a history, in the order in which they began. */
export function readSeen(file: string): Seen[] {
  const seen: Seen[] = [];
  // The last line may be incomplete: it is still being written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(1, -1);
  for (const line of lines) {
    if (line === '') continue;
    const event = JSON.parse(line) as HistoryEvent;
    const { f, node, coupon, user, t_ms: ms, type } = event;
    if (type === 'invoke') {
      seen[event.op] = {
        ...{ f, node, coupon, user, begunMs: ms, endMs: Number.POSITIVE_INFINITY },
        ...{ type: undefined, http: undefined, outcome: undefined, claimId: undefined },
      };
      continue;
    }
    // Its operation goes on.
    if (type === 'accepted') continue;
    const { http, outcome, claim_id: claimId } = event;
    const one = seen[event.op];
    if (one !== undefined) Object.assign(one, { endMs: ms, type, http, outcome, claimId });
  }
  return seen;
}

/** Whether the client got a success or another decision. */
export function isServed({ type, outcome }: Seen): boolean {
  return type === 'ok' || (type === 'fail' && decisions.has(outcome ?? ''));
}

const slowMs = 1000;

/** Whether the client was refused, does not know the outcome, or waited long. */
export function isDisturbed({ type, http, outcome, begunMs, endMs }: Seen): boolean {
  if (type === 'info' || http === 503 || http === 429 || endMs - begunMs >= slowMs) return true;
  return type === 'fail' && outcome === 'refused';
}

/** The share of the requests of a time span that were served. */
export function servedShare(seen: readonly Seen[], span: TimeSpan): number {
  const asked = seen.filter(({ begunMs }) => begunMs >= span.fromMs && begunMs < span.toMs);
  return asked.length === 0 ? 0 : asked.filter(isServed).length / asked.length;
}

/** The number of changes of claims that were acknowledged within a time span. */
export function changesWithin(seen: readonly Seen[], { fromMs, toMs }: TimeSpan): number {
  return seen.filter(({ f, type, endMs }) => {
    return isChange(f) && type === 'ok' && endMs >= fromMs && endMs <= toMs;
  }).length;
}

/** Looks up in the tables which claims and changes of unknown outcome are stored. */
export function resolveUnknowns(seen: readonly Seen[], dump: Dump): Unknowns {
  const { claims, released_claims: released = [], redemptions = [] } = dump;
  const ended = released.filter(({ reason }) => reason !== 'expired');
  const confirmed = [...claims, ...released].filter(
    ({ confirmed_at: at }) => typeof at === 'string',
  );
  const names = new Map(dump.coupons.map(({ id, name }) => [id, name]));
  const stored = new Set(
    Object.entries({
      claim: [...claims, ...released],
      confirm: confirmed,
      release: ended,
      redeem: redemptions,
    }).flatMap(([f, rows]) => {
      return rows.map(({ coupon_id, user_id }) => `${f} ${names.get(coupon_id)} ${user_id}`);
    }),
  );
  const unknown = seen.filter(({ f, type }) => {
    return (f === 'claim' || isChange(f)) && type !== 'ok' && type !== 'fail';
  });
  const found = unknown.filter(({ f, coupon, user }) => stored.has(`${f} ${coupon} ${user}`));
  return { stored: found.length, notStored: unknown.length - found.length };
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from './columns.ts';
import { showsEnd } from './endings.ts';
import type { Sale, StoredClaim } from './evidence.ts';
import { type Grant, grantsOf } from './granted.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { microseconds } from './times.ts';

/**
 * A change of a sale, or an observation of its state, at one moment between `begun` and `ended`. `claim` is the place of a
 * claim in `Sale.held`; undefined in an observation of any claim. Changes with a time of the database are in its order.
 */
export type Step = { begun: number; ended: number } & (
  | { change: 'grant'; units: number }
  | { change: 'win'; user: number; claim: number; at?: number }
  | { change: 'end'; user: number; claim: number; at: number }
  | { observed: 'holds'; user: number; claim: number | undefined }
  | { observed: 'ended'; claim: number }
  | { observed: 'lacks'; user: number; soldOut: boolean }
  | { observed: 'stock'; amount: number; remaining: number }
);

/**
 * The steps of a sale: the changes by the stored rows, and the observations by the answers. Returns a reason as text
 * where the recording leaves open what happened.
 *
 * Where claims end, an expired hold may end at any moment that clients see. So there the times that the database has
 * stored say in which order claims were made and ended.
 */
export function stepsOf(history: RecordedHistory, sale: Sale, delayMs: number): Step[] | string {
  const grants = grantSteps(history, sale);
  if (grants === undefined) return 'it is unknown which stock was added';
  if (sale.held.some(({ candidates }) => candidates === 0)) return 'a claim has no known origin';
  if (!sale.claimsEnd && sale.heldBy.size < sale.held.length) return 'a user holds two claims';
  const claims = sale.held.flatMap((_, claim) => claimSteps(history, sale, claim));
  if (claims.some((step) => 'at' in step && Number.isNaN(step.at))) return 'a time is not valid';
  const claimOf = new Map(
    sale.held.map(({ claim }, index) => [history.claimIds.find(claim.claim_id), index]),
  );
  const makers = new Set(sale.held.map(({ maker }) => maker));
  const mayStockCome = sale.claimsEnd || grants.length > 1;
  const answers = [...sale.ops].flatMap((op): Step[] => {
    if (makers.has(op)) return [];
    const claim = sale.claimsEnd ? claimOf.get(history.claimId.at(op)) : undefined;
    const step = answerStep(history, op, claim);
    if (step === undefined) return [];
    const isSoldOut = 'observed' in step && step.observed === 'lacks' && step.soldOut;
    const mayBeOlder = isSoldOut && delayMs > 0 && mayStockCome;
    return [mayBeOlder ? { ...step, begun: begunBefore(history, { sale, op, delayMs }) } : step];
  });
  return [...grants, ...claims, ...answers];
}

/** How a claim was made and, if it was, ended. */
function claimSteps(history: RecordedHistory, sale: Sale, claim: number): Step[] {
  const held = sale.held[claim] as StoredClaim;
  const { user, begun, maker, released, ending } = held;
  const ended = maker === undefined ? never : history.endEvent(maker);
  const win = { change: 'win', user, claim, begun, ended } as const;
  if (!sale.claimsEnd) return [win];
  const won = { ...win, at: microseconds(held.claim.claimed_at) };
  if (released === undefined) return [won];
  const at = microseconds(released.released_at);
  return [
    won,
    { change: 'end', user, claim, at, begun: Math.max(begun, ending.begun), ended: ending.shown },
  ];
}

/** Undefined when it is unknown which of the additions took place. */
function grantSteps(history: RecordedHistory, sale: Sale): Step[] | undefined {
  const { created, added } = grantsOf(history, sale);
  const granted = sale.ledger.find(({ kind }) => kind === 'grant');
  if (created === undefined || granted === undefined) return undefined;
  let open = 0;
  for (const { kind, units } of sale.ledger) if (kind === 'stock_added') open += units;
  const certain = added.filter(({ done }) => done !== never);
  const uncertain = added.filter(({ done }) => done === never);
  if (added.some(({ unitsMin, unitsMax }) => unitsMin !== unitsMax)) return undefined;
  for (const { unitsMin } of certain) open -= unitsMin;
  const all = uncertain.reduce((sum, { unitsMin }) => sum + unitsMin, 0);
  if (open !== 0 && open !== all) return undefined;
  const toStep = ({ unitsMin: units, begun, done: ended }: Grant): Step => {
    return { change: 'grant', units, begun, ended };
  };
  const first: Step = { change: 'grant', units: granted.units, begun: -1, ended: -1 };
  return [first, ...certain.map(toStep), ...(open === 0 ? [] : uncertain.map(toStep))];
}

/** Undefined for an answer that says nothing about the sale. `claim` is the one that the answer shows, where claims end. */
function answerStep(
  history: RecordedHistory,
  op: number,
  claim: number | undefined,
): Step | undefined {
  if (history.type(op) === 'info') return undefined;
  const span = { begun: history.begunEvent.at(op), ended: history.endEvent(op) };
  const user = history.user.at(op);
  if (claim !== undefined && showsEnd(history, op)) return { observed: 'ended', claim, ...span };
  const showsLive = claim !== undefined && history.state(op) !== undefined;
  if (showsLive || history.showsClaim(op)) return { observed: 'holds', user, claim, ...span };
  if (history.operation(op) === 'read' && history.type(op) === 'ok') {
    const [amount, remaining] = [history.amount.at(op), history.remaining.at(op)];
    return { observed: 'stock', amount, remaining, ...span, begun: history.shownSince(op).event };
  }
  switch (history.outcome(op)) {
    case 'sold_out':
      return { observed: 'lacks', user, soldOut: true, ...span };
    case 'not_open':
    case 'paused':
    case 'closed':
    case 'claim_not_found':
    case 'claim_limit_reached':
      return { observed: 'lacks', user, soldOut: false, ...span };
    default:
      return undefined;
  }
}

/** The event of the last operation that began more than the delay before this one; -1 without any. */
function begunBefore(
  history: RecordedHistory,
  { sale, op, delayMs }: { sale: Sale; op: number; delayMs: number },
): number {
  const bound = history.begunMs.at(op) - delayMs;
  const before = sale.ops.findLast((other) => history.begunMs.at(other) < bound);
  return before === undefined ? -1 : history.begunEvent.at(before);
}

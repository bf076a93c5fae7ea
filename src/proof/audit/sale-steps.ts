// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from './columns.ts';
import type { Sale } from './evidence.ts';
import { type Grant, grantsOf } from './granted.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** A change of a sale, or an observation of its state, at one moment between `begun` and `ended`. */
export type Step = { begun: number; ended: number } & (
  | { change: 'grant'; units: number }
  | { change: 'win'; user: number }
  | { observed: 'holds'; user: number }
  | { observed: 'lacks'; user: number; soldOut: boolean }
  | { observed: 'stock'; amount: number; remaining: number }
);

/**
 * The steps of a sale: the changes by the stored rows, and the observations by the answers. Returns a reason as text
 * where the recording leaves open what happened.
 */
export function stepsOf(history: RecordedHistory, sale: Sale, delayMs: number): Step[] | string {
  if (sale.claimsEnd) return 'its claims end';
  const grants = grantSteps(history, sale);
  if (grants === undefined) return 'it is unknown which stock was added';
  if (sale.held.some(({ candidates }) => candidates === 0)) return 'a claim has no known origin';
  if (sale.heldBy.size < sale.held.length) return 'a user holds two claims';
  const wins = sale.held.map((held): Step => {
    const ended = held.maker === undefined ? never : history.endEvent(held.maker);
    return { change: 'win', user: held.user, begun: held.begun, ended };
  });
  const makers = new Set(sale.held.map(({ maker }) => maker));
  const answers = [...sale.ops].flatMap((op): Step[] => {
    if (makers.has(op)) return [];
    const step = answerStep(history, op);
    if (step === undefined) return [];
    const isSoldOut = 'observed' in step && step.observed === 'lacks' && step.soldOut;
    const mayBeOlder = isSoldOut && delayMs > 0 && grants.length > 1;
    return [mayBeOlder ? { ...step, begun: begunBefore(history, { sale, op, delayMs }) } : step];
  });
  return [...grants, ...wins, ...answers];
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

/** Undefined for an answer that says nothing about the sale. */
function answerStep(history: RecordedHistory, op: number): Step | undefined {
  if (history.type(op) === 'info') return undefined;
  const span = { begun: history.begunEvent.at(op), ended: history.endEvent(op) };
  const user = history.user.at(op);
  if (history.showsClaim(op)) return { observed: 'holds', user, ...span };
  if (history.operation(op) === 'read' && history.type(op) === 'ok') {
    const [amount, remaining] = [history.amount.at(op), history.remaining.at(op)];
    return { observed: 'stock', amount, remaining, ...span };
  }
  switch (history.outcome(op)) {
    case 'sold_out':
      return { observed: 'lacks', user, soldOut: true, ...span };
    case 'not_open':
    case 'paused':
    case 'closed':
    case 'claim_not_found':
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

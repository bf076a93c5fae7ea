// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import { hasWon } from '../assumptions.ts';
import { absent } from '../columns.ts';
import { databaseTimesOf } from '../database-times.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { lastGrantMs } from '../granted.ts';
import { unitsReturned } from '../ledger-rows.ts';
import type { FaultSpan } from '../read-faults.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';
import { decidedRefusals } from './same-answer.ts';

const freshUsersMax = 5;
const answersMin = 500;
const beforeMsMin = 5000;
const windowMs = 5000;
const bucketMs = 100;

/**
 * R16. After the last fault the service answers again soon, and at the same rate as before. No stock is stuck: where
 * units remain in an open sale, at least one of the last users who first claimed after all faults and additions of stock
 * holds a claim. Where claims end, only users count who first claimed after the last unit had come back.
 */
export function serviceRecovers(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R16',
    'service recovers after faults, and no stock is stuck',
    'no fault ended in this history, and no sale shows whether units are stuck',
  );
  const { history, faults = [] } = evidence;
  const lastEnd = faults.reduce((last, { endMs }) => Math.max(last, endMs), 0);
  if (faults.length > 0 && Number.isFinite(lastEnd)) {
    const ended = endsOfAnswers(history);
    checkFirstAnswer(evidence, { ended, lastEnd }, findings);
    checkGoodput(evidence, { faults, ended, lastEnd }, findings);
  } else if (faults.length > 0) {
    findings.note('a fault never ends, so recovery is not judged');
  }
  const stuck = evidence.sales.filter((sale) => !checkStock(evidence, { sale, lastEnd }, findings));
  if (stuck.length > 0 && evidence.faults === undefined) {
    findings.note(
      'if a fault was injected and not ended, pass it with --faults: see firstcome audit --help',
    );
  }
  return findings.end();
}

const otherDecisions = new Set([
  ...['already_claimed', 'claim_not_found', 'claim_mismatch', 'hold_expired', 'claim_released'],
  ...['already_redeemed', 'not_confirmed', 'forbidden'],
]);

/** Whether an operation was served: with success, or with a decision. */
function isAnswered(history: RecordedHistory, op: number): boolean {
  const outcome = history.outcome(op) ?? '';
  const isDecided = decidedRefusals.has(outcome) || otherDecisions.has(outcome);
  return history.type(op) === 'ok' || (history.type(op) === 'fail' && isDecided);
}

/** The times at which operations were served, in order. */
function endsOfAnswers(history: RecordedHistory): Float64Array {
  const ends: number[] = [];
  for (let op = 0; op < history.count; op += 1) {
    if (isAnswered(history, op)) ends.push(history.endMs(op));
  }
  return Float64Array.from(ends).sort();
}

function checkFirstAnswer(
  { history, options }: Evidence,
  { ended, lastEnd }: { ended: Float64Array; lastEnd: number },
  findings: RuleFindings,
): void {
  let firstAsked = Number.POSITIVE_INFINITY;
  for (let op = 0; op < history.count && firstAsked === Number.POSITIVE_INFINITY; op += 1) {
    if (history.begunMs.at(op) >= lastEnd) firstAsked = history.begunMs.at(op);
  }
  const bound = firstAsked + options.firstAnswerMs;
  const firstAnswer = ended.find((ms) => ms > lastEnd);
  if (firstAnswer !== undefined && firstAnswer <= bound) findings.checked += 1;
  else if (history.lastMs < bound) findings.note('the recording ends too early after the faults');
  else findings.violation(() => `the first answer comes at ${firstAnswer} ms, after ${bound} ms`);
}

function checkGoodput(
  { history, options }: Evidence,
  { faults, ended, lastEnd }: { faults: FaultSpan[]; ended: Float64Array; lastEnd: number },
  findings: RuleFindings,
): void {
  const firstBegin = faults.reduce((first, { beginMs }) => Math.min(first, beginMs), lastEnd);
  const start = history.begunMs.at(0);
  const before = ended.filter((ms) => ms < firstBegin).length;
  const lastBegun = history.begunMs.at(history.count - 1);
  const isEnough = firstBegin - start >= beforeMsMin && before >= answersMin;
  if (options.goodputShareMin === 0) return;
  if (!isEnough || lastBegun < lastEnd + options.goodputMs) {
    findings.note('too little was recorded around the faults to compare the answer rates');
    return;
  }
  findings.checked += 1;
  const needed = (before / (firstBegin - start)) * windowMs * options.goodputShareMin;
  let best = 0;
  for (let from = lastEnd; from + windowMs <= lastEnd + options.goodputMs; from += bucketMs) {
    const to = from + windowMs;
    best = Math.max(best, ended.filter((ms) => ms >= from && ms < to).length);
  }
  if (best >= needed) return;
  findings.violation(() => {
    const wanted = `${Math.ceil(needed)} in ${windowMs} ms`;
    return `at most ${counted(best, 'answer')} after the faults, needed: ${wanted}`;
  });
}

/** Whether users who claim still win the units that are left. */
function checkStock(
  { history, dump }: Evidence,
  { sale, lastEnd }: { sale: Sale; lastEnd: number },
  findings: RuleFindings,
): boolean {
  if (sale.isForeign || !isOpenWithStock(sale, dump.taken_at)) return true;
  // A claim before the last addition of stock may have been refused rightly.
  const fromMs = Math.max(lastEnd, lastGrantMs(history, sale));
  const isAfterReturns = afterLastReturn(history, sale);
  const seen = new Set<number>();
  const fresh: number[] = [];
  for (const op of sale.ops) {
    if (history.operation(op) !== 'claim') continue;
    const user = history.user.at(op);
    const isTooEarly = ['not_open', 'paused'].includes(history.outcome(op) ?? '');
    if (user === absent || isTooEarly || seen.has(user)) continue;
    seen.add(user);
    if (history.begunMs.at(op) >= fromMs && isAfterReturns(op)) fresh.push(user);
  }
  const last = fresh.slice(-freshUsersMax);
  if (last.length === 0) return true;
  findings.checked += 1;
  if (last.some((user) => hasWon(sale, user))) return true;
  findings.violation(() => {
    const names = last.map((user) => history.users.text(user)).join(', ');
    const left = counted(sale.coupon?.remaining_amount ?? 0, 'unit');
    return `${sale.name}: ${left} left, but none of the last users who claimed has one: ${names}`;
  });
  return false;
}

/** Whether an operation began after the last unit of the sale had come back. */
function afterLastReturn(history: RecordedHistory, sale: Sale): (op: number) => boolean {
  const last = sale.ledger.findLast((row) => unitsReturned(row) > 0);
  if (last === undefined) return () => true;
  const at = microseconds(last.recorded_at);
  const { atLeast } = databaseTimesOf(history, sale);
  return (op) => atLeast(op) >= at;
}

function isOpenWithStock({ coupon }: Sale, takenAt: string): boolean {
  if (coupon === undefined || coupon.remaining_amount <= 0 || coupon.paused) return false;
  const now = microseconds(takenAt);
  const isAfter = (time: string | null) => time !== null && microseconds(time) > now;
  // A sale that opened or closed near the end proves nothing about the last users.
  return coupon.closes_at === null && !isAfter(coupon.opens_at);
}

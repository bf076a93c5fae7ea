// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import type { Evidence } from '../evidence.ts';
import { isInFault } from '../fault-times.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R17. Requests that are not served are rejected properly: 503 and 429 carry `Retry-After`; a refusal says that it
 * changed nothing; there is no 500; and outside of injected faults no connection is reset and every answer is readable.
 */
export function sheddingIsProper(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R17',
    'rejections say when to retry, and nothing breaks without a fault',
    'every request was served',
  );
  const { history } = evidence;
  const brokenMs: number[] = [];
  for (let op = 0; op < history.count; op += 1) {
    if (history.isOpen(op)) continue;
    const isUnexpected = isBroken(history, op) && !isInFault(evidence, op);
    if (isUnexpected) brokenMs.push(history.endMs(op));
    const problem = isUnexpected ? 'broke outside any known fault' : answerProblem(history, op);
    if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    if (history.type(op) !== 'ok') findings.checked += 1;
  }
  if (brokenMs.length > 0) findings.note(breakageNote(history, brokenMs));
  return findings.end();
}

/** Explains how to declare an injected fault, since the audit cannot distinguish one from a crash. */
function breakageNote({ head }: RecordedHistory, brokenMs: readonly number[]): string {
  const startedMs = Date.parse(head.started_at);
  const [first, last] = brokenMs.reduce(
    ([from, to], ms) => [Math.min(from, ms), Math.max(to, ms)],
    [Number.POSITIVE_INFINITY, 0],
  );
  const time = (ms: number) => new Date(startedMs + ms).toISOString();
  return (
    `${counted(brokenMs.length, 'operation')} broke from ${time(first)} to ${time(last)}. ` +
    'If a fault was injected then, such as kill -9 of the service, declare it with --faults: ' +
    'see firstcome audit --help. Otherwise the service is at fault.'
  );
}

function isBroken(history: RecordedHistory, op: number): boolean {
  const outcome = history.outcome(op);
  return (
    history.type(op) === 'info' &&
    (outcome === 'reset' || outcome?.startsWith('unreadable') === true)
  );
}

function answerProblem(history: RecordedHistory, op: number): string | undefined {
  const http = history.http.at(op);
  if (http === 500) return 'is answered 500, which must never happen';
  if (http === 503 || http === 429) {
    const seconds = history.retryAfterSeconds.at(op);
    if (Number.isNaN(seconds)) return `is answered ${http} without Retry-After`;
  }
  return history.type(op) === 'fail' ? failureProblem(history, op) : undefined;
}

function failureProblem(history: RecordedHistory, op: number): string | undefined {
  const isAnswered = history.http.at(op) > 0;
  // A refused connection carried nothing. Any other end without an answer has an unknown outcome.
  if (!isAnswered)
    return history.outcome(op) === 'refused' ? undefined : 'counts as fail without an answer';
  const effect = history.effect(op);
  return effect === 'none' ? undefined : `counts as fail, but its effect is ${effect ?? 'missing'}`;
}

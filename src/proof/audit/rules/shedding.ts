// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import type { Evidence } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R17. Who is not served is told so properly: 503 and 429 say when to ask again; a refusal says that it changed nothing;
 * there is no 500; and unless a fault was injected at that time, no connection is reset and every answer can be read.
 */
export function sheddingIsProper(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R17',
    'refusals say when to come back, and nothing breaks unasked',
  );
  const { history } = evidence;
  const brokenMs: number[] = [];
  for (let op = 0; op < history.count; op += 1) {
    if (history.isOpen(op)) continue;
    const isUnasked = isBroken(history, op) && !isInFault(evidence, op);
    if (isUnasked) brokenMs.push(history.endMs(op));
    const problem = isUnasked ? 'broke outside any fault that is told' : answerProblem(history, op);
    if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    if (history.type(op) !== 'ok') findings.checked += 1;
  }
  if (brokenMs.length > 0) findings.note(breakageNote(history, brokenMs));
  return findings.end();
}

/** Nobody but who was there knows whether it was an attack or a crash. */
function breakageNote({ head }: RecordedHistory, brokenMs: readonly number[]): string {
  const startedMs = Date.parse(head.started_at);
  const [first, last] = brokenMs.reduce(
    ([from, to], ms) => [Math.min(from, ms), Math.max(to, ms)],
    [Number.POSITIVE_INFINITY, 0],
  );
  const time = (ms: number) => new Date(startedMs + ms).toISOString();
  return (
    `${counted(brokenMs.length, 'operation')} broke from ${time(first)} to ${time(last)}. ` +
    'Whoever broke something on purpose then, such as with kill -9 of the service, tells the audit so ' +
    'with --faults, and what he did is not held against the service: see firstcome audit --help. ' +
    'If nobody did, the service is at fault.'
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
  if (http === 500) return 'is answered 500, which is never expected';
  if (http === 503 || http === 429) {
    const seconds = history.retryAfterSeconds.at(op);
    if (Number.isNaN(seconds)) return `is answered ${http} without Retry-After`;
  }
  return history.type(op) === 'fail' ? failureProblem(history, op) : undefined;
}

function failureProblem(history: RecordedHistory, op: number): string | undefined {
  const isAnswered = history.http.at(op) > 0;
  // A connection that was refused carried nothing. Of any other end without an answer nobody can tell.
  if (!isAnswered)
    return history.outcome(op) === 'refused' ? undefined : 'counts as fail unanswered';
  const effect = history.effect(op);
  return effect === 'none'
    ? undefined
    : `counts as fail, but its effect is ${effect ?? 'not told'}`;
}

/** Whether the operation was under way during a fault, or begins so soon after it that it met its remains. */
function isInFault({ history, faults = [], options }: Evidence, op: number): boolean {
  const from = history.begunMs.at(op);
  const to = history.endMs(op);
  return faults.some((fault) => from <= fault.endMs + options.resetGraceMs && to >= fault.beginMs);
}

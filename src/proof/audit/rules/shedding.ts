// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R17. Who is not served is told so properly: 503 and 429 say when to ask again; a refusal says that it changed nothing;
 * there is no 500; and unless a fault was injected at that time, no connection is reset and every answer can be read.
 */
export function sheddingIsProper(evidence: Evidence): RuleReport {
  const findings = new RuleFindings('R17', 'refusals to serve say when to come back');
  const { history } = evidence;
  for (let op = 0; op < history.count; op += 1) {
    if (history.isOpen(op)) continue;
    const complaint = complaintAbout(evidence, op);
    if (complaint !== undefined) findings.violation(() => `${history.describe(op)}: ${complaint}`);
    if (history.end(op) !== 'ok') findings.checked += 1;
  }
  return findings.end();
}

function complaintAbout(evidence: Evidence, op: number): string | undefined {
  const { history } = evidence;
  const http = history.http.at(op);
  const outcome = history.outcome(op);
  if (http === 500) return 'is answered 500, which is never expected';
  if (http === 503 || http === 429) {
    const seconds = history.retryAfterSeconds.at(op);
    if (Number.isNaN(seconds)) return `is answered ${http} without Retry-After`;
  }
  if (history.end(op) === 'fail') return wrongFailure(history, op);
  const isBroken = outcome === 'reset' || outcome?.startsWith('unreadable') === true;
  return isBroken && !isInFault(evidence, op)
    ? `is broken (${outcome}) outside any fault`
    : undefined;
}

function wrongFailure(history: RecordedHistory, op: number): string | undefined {
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

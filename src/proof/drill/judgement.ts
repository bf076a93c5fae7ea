// SPDX-License-Identifier: GPL-3.0-or-later
import type { RuleReport, Verdict } from '../audit/verdict.ts';

/** What the audit found in a drill. */
export type Judgement = {
  verdict: Verdict;
  rules: readonly RuleReport[];
  /** What limits the audit, or why there was none. */
  notes: readonly string[];
};

/** The judgement of a drill that was not audited. */
export function notJudged(why: string): Judgement {
  return { verdict: 'unknown', rules: [], notes: [`not judged: ${why}`] };
}

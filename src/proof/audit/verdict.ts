// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../numbers.ts';

/** The result of the whole audit. `unknown` is not a pass: there was too little to judge. */
export type Verdict = 'passed' | 'failed' | 'unknown';

/** The result of a rule. `skipped` is not a pass: there was nothing to check. */
export type RuleVerdict = Verdict | 'skipped';

/** The findings of one rule. */
export type RuleReport = {
  /** Such as `R1`. */
  rule: string;
  /** The guarantee of the rule, as a sentence that is true when it passed. */
  title: string;
  verdict: RuleVerdict;
  /** The number of things that were compared; each rule defines them. */
  checked: number;
  /** The first ten violations. */
  violations: string[];
  violationsTotal: number;
  /** What was not judged, and why. */
  notes: string[];
};

const violationsShownMax = 10;
const notesShownMax = 10;

/** Collects the findings of one rule and builds its report. */
export class RuleFindings {
  checked = 0;
  readonly #rule: string;
  readonly #title: string;
  readonly #emptyBecause: string;
  readonly #violations: string[] = [];
  readonly #notes: string[] = [];
  #violationsTotal = 0;
  #notesTotal = 0;
  #undecided = false;

  /** `emptyBecause` says why the rule had nothing to check, if it had nothing. */
  constructor(rule: string, title: string, emptyBecause: string) {
    this.#rule = rule;
    this.#title = title;
    this.#emptyBecause = emptyBecause;
  }

  /** Keeps the first ten as texts, and calls `describe` only for those. */
  violation(describe: () => string): void {
    this.#violationsTotal += 1;
    if (this.#violations.length < violationsShownMax) this.#violations.push(describe());
  }

  note(text: string): void {
    this.#notesTotal += 1;
    if (this.#notes.length < notesShownMax) this.#notes.push(text);
  }

  /** Too little was recorded: without a violation the verdict is `unknown`. */
  undecided(why: string): void {
    this.#undecided = true;
    this.note(why);
  }

  end(): RuleReport {
    const verdict = this.#verdict();
    const left = this.#notesTotal - this.#notes.length;
    return {
      rule: this.#rule,
      title: this.#title,
      verdict,
      checked: this.checked,
      violations: this.#violations,
      violationsTotal: this.#violationsTotal,
      notes: [
        ...(verdict === 'skipped' ? [`nothing to check: ${this.#emptyBecause}`] : []),
        ...this.#notes,
        ...(left > 0 ? [`and ${counted(left, 'note')} more`] : []),
      ],
    };
  }

  #verdict(): RuleVerdict {
    if (this.#violationsTotal > 0) return 'failed';
    if (this.#undecided) return 'unknown';
    return this.checked === 0 ? 'skipped' : 'passed';
  }
}

/** Rules without which a run proves nothing: a run that skips one of them is `unknown`. */
const essentialRules = new Set(['R1', 'R2', 'R3', 'R8', 'R18']);

/** The verdict over all rules: one that failed fails all, and one that leaves the run open leaves it `unknown`. */
export function overallVerdict(reports: readonly RuleReport[]): Verdict {
  if (reports.some(({ verdict }) => verdict === 'failed')) return 'failed';
  return reports.length === 0 || reports.some(leavesOpen) ? 'unknown' : 'passed';
}

/** The rules that decide the verdict; none where all is well. */
export function decisiveRules(reports: readonly RuleReport[]): string[] {
  const failed = reports.filter(({ verdict }) => verdict === 'failed');
  return (failed.length > 0 ? failed : reports.filter(leavesOpen)).map(({ rule }) => rule);
}

function leavesOpen({ rule, verdict }: RuleReport): boolean {
  return verdict === 'unknown' || (verdict === 'skipped' && essentialRules.has(rule));
}

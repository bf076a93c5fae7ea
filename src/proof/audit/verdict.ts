// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../numbers.ts';

/** What a rule, and the audit as a whole, can come to. `unknown` is not a pass: too little was seen to judge. */
export type Verdict = 'passed' | 'failed' | 'unknown';

/** What one rule found. */
export type RuleReport = {
  /** Such as `R1`. */
  rule: string;
  /** What the rule promises, as a sentence that is true when it passed. */
  title: string;
  verdict: Verdict;
  /** How many things were compared; what they are is the rule's own matter. */
  checked: number;
  /** The first ten violations. */
  violations: string[];
  violationsTotal: number;
  /** What was left out, and why. */
  notes: string[];
};

const violationsShownMax = 10;
const notesShownMax = 10;

/** Gathers what one rule finds, and ends as its report. */
export class RuleFindings {
  checked = 0;
  readonly #rule: string;
  readonly #title: string;
  readonly #violations: string[] = [];
  readonly #notes: string[] = [];
  #violationsTotal = 0;
  #notesTotal = 0;
  #undecided = false;

  constructor(rule: string, title: string) {
    this.#rule = rule;
    this.#title = title;
  }

  /** Only the first ten are kept as texts, so the text is made when it is needed. */
  violation(describe: () => string): void {
    this.#violationsTotal += 1;
    if (this.#violations.length < violationsShownMax) this.#violations.push(describe());
  }

  note(text: string): void {
    this.#notesTotal += 1;
    if (this.#notes.length < notesShownMax) this.#notes.push(text);
  }

  /** Too little was seen: without a violation the verdict is `unknown`. */
  undecided(why: string): void {
    this.#undecided = true;
    this.note(why);
  }

  end(): RuleReport {
    if (this.#undecidedByEmptiness()) this.undecided('nothing to check, which proves nothing');
    const failed = this.#violationsTotal > 0;
    const left = this.#notesTotal - this.#notes.length;
    return {
      rule: this.#rule,
      title: this.#title,
      verdict: failed ? 'failed' : this.#undecided ? 'unknown' : 'passed',
      checked: this.checked,
      violations: this.#violations,
      violationsTotal: this.#violationsTotal,
      notes: left > 0 ? [...this.#notes, `and ${counted(left, 'note')} more`] : this.#notes,
    };
  }

  #undecidedByEmptiness(): boolean {
    return this.checked === 0 && this.#violationsTotal === 0 && essentialRules.has(this.#rule);
  }
}

/** Rules without which nothing is shown. Any other rule that had nothing to check passes. */
const essentialRules = new Set(['R1', 'R2', 'R3', 'R8', 'R18']);

/** The verdict over all rules: one failure fails all, and one doubt leaves all in doubt. */
export function overallVerdict(reports: readonly RuleReport[]): Verdict {
  if (reports.some(({ verdict }) => verdict === 'failed')) return 'failed';
  return reports.length === 0 || reports.some(({ verdict }) => verdict === 'unknown')
    ? 'unknown'
    : 'passed';
}

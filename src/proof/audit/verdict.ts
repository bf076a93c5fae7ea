// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../numbers.ts';

/** The result of a rule or of the whole audit. `unknown` is not a pass: there was too little to judge. */
export type Verdict = 'passed' | 'failed' | 'unknown';

/** The findings of one rule. */
export type RuleReport = {
  /** Such as `R1`. */
  rule: string;
  /** The guarantee of the rule, as a sentence that is true when it passed. */
  title: string;
  verdict: Verdict;
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
  readonly #violations: string[] = [];
  readonly #notes: string[] = [];
  #violationsTotal = 0;
  #notesTotal = 0;
  #undecided = false;

  constructor(rule: string, title: string) {
    this.#rule = rule;
    this.#title = title;
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

/** Rules without which a run proves nothing. Any other rule without anything to check passes. */
const essentialRules = new Set(['R1', 'R2', 'R3', 'R8', 'R18']);

/** The verdict over all rules: one `failed` fails all, and one `unknown` leaves all unknown. */
export function overallVerdict(reports: readonly RuleReport[]): Verdict {
  if (reports.some(({ verdict }) => verdict === 'failed')) return 'failed';
  return reports.length === 0 || reports.some(({ verdict }) => verdict === 'unknown')
    ? 'unknown'
    : 'passed';
}

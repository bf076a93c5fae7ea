// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The rules that define when stock, claims and ledger are consistent: one file each in `consistency/`. The audits of tests and
 * bench run them, and the runbook gives them to operators. The stock check compares the same things page by page.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** One rule. */
export type ConsistencyRule = {
  name: string;
  /** What is true for consistent records. */
  sentence: string;
  /** Selects the rows that break the rule; none if the records are consistent. */
  sql: string;
};

const folder = new URL('./consistency/', import.meta.url);

/** All rules, in order of name. */
export const consistencyRules: readonly ConsistencyRule[] = readdirSync(folder)
  .sort()
  .map((file) => {
    const [first = '', ...lines] = readFileSync(new URL(file, folder), 'utf8').split('\n');
    const name = file.replace(/\.sql$/, '');
    return {
      name,
      sentence: first.replace(/^-- /, ''),
      sql: lines.join('\n').trim(),
    };
  });

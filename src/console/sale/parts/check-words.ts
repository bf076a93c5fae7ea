// SPDX-License-Identifier: GPL-3.0-or-later
/** What a check of the records has found, in words. */
import type { CheckedCoupon } from '../../../client.ts';

/** How many rows broken rules are counted to. */
const rowsMax = 100;

/** The verdict of a check: its words, and their tone. */
export function verdictOf({ consistent, rules }: CheckedCoupon): {
  tone: 'good' | 'warning' | 'bad';
  title: string;
  meaning: string;
} {
  const count = (wanted: string) => rules.filter(({ result }) => result === wanted).length;
  if (consistent === true) {
    return {
      ...{ tone: 'good', title: 'Consistent' },
      meaning: `Stock, claims and ledger agree: all ${rules.length} rules passed.`,
    };
  }
  if (consistent === false) {
    return {
      ...{ tone: 'bad', title: 'Not consistent' },
      meaning:
        `${count('broken')} of ${rules.length} rules are broken. Pause the sale, and keep a dump of the database and the log ` +
        'before you repair anything.',
    };
  }
  return {
    ...{ tone: 'warning', title: 'Not finished' },
    meaning:
      `No rule is broken, but ${count('not_finished')} of ${rules.length} would have taken too long. That says nothing about ` +
      'the records they compare.',
  };
}

/** How many rows break a rule: the service counts up to 100. */
export function brokenRows(rows: number | undefined): string {
  if (rows === undefined) return 'rows of unknown number';
  if (rows >= rowsMax) return `${rowsMax} rows or more`;
  return rows === 1 ? '1 row' : `${rows} rows`;
}

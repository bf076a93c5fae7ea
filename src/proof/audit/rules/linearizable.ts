// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import type { Evidence } from '../evidence.ts';
import { type Step, stepsOf } from '../sale-steps.ts';
import { searchOrder } from '../search-order.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

const stepsMax = 2000;

/**
 * R13b. An independent check of small sales that does not rely on positions: does an order of the operations exist, each
 * between its request and its answer, in which a simple sequential sale gives exactly these answers and ends with
 * exactly these holders? A search that takes too long gives up; if all do, the verdict is unknown. Where claims end, claims
 * are made and end in the order of their stored times.
 */
export function isLinearizable({ history, sales, options }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R13b',
    'some order of the operations explains all answers',
    'no sale is small enough to search',
  );
  let gaveUp = 0;
  for (const sale of sales) {
    if (sale.isForeign || sale.coupon === undefined) continue;
    const claims = sale.ops.filter((op) => history.operation(op) === 'claim').length;
    if (claims === 0) continue;
    if (claims > options.searchClaimsMax) {
      findings.note(`${sale.name}: has ${counted(claims, 'claim')}, too many to search`);
      continue;
    }
    const steps: Step[] | string = stepsOf(history, sale, options.soldOutDelayMs);
    if (typeof steps === 'string' || steps.length > stepsMax) {
      const why =
        typeof steps === 'string' ? steps : `has ${counted(steps.length, 'step')}, too many`;
      findings.note(`${sale.name}: ${why}, not searched`);
      continue;
    }
    const found = searchOrder(steps, options.searchStepsMax);
    if (found === undefined) {
      gaveUp += 1;
      findings.note(
        `${sale.name}: the search gave up after ${counted(options.searchStepsMax, 'step')}`,
      );
      continue;
    }
    findings.checked += 1;
    if (!found) findings.violation(() => `${sale.name}: no order explains all answers`);
  }
  if (gaveUp > 0 && findings.checked === 0) findings.undecided('every search gave up');
  return findings.end();
}

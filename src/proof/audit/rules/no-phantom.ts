// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from '../evidence.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R4. Every stored claim was requested: by its user, in an attempt that won or has an unknown outcome, and before any
 * answer showed it. A coupon that other clients may have claimed cannot be judged.
 */
export function noPhantom({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R4',
    'every stored claim was requested by its user',
    'no claim is stored for a coupon that only this drill used',
  );
  for (const { name, held, isForeign, ops } of sales) {
    if (isForeign) {
      if (ops.length > 0) findings.note(`${name}: other clients may have claimed it, not judged`);
      continue;
    }
    for (const { claim, candidates, begun, shown } of held) {
      findings.checked += 1;
      const what = `${name}: claim ${claim.claim_id} of ${claim.user_id}`;
      if (candidates === 0) {
        findings.violation(() => `${what}: no attempt of this user can have made it`);
      } else if (shown < begun) {
        findings.violation(() => `${what}: was shown before it was requested`);
      }
    }
  }
  return findings.end();
}

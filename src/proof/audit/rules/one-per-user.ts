// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from '../evidence.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R2. A user holds at most one claim of a coupon, and each claim id is unique. The rule judges the dump, which has every
 * claim there ever was (see `assumptions.ts`), so it holds at every row of the ledger.
 */
export function onePerUser({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R2',
    'a user holds at most one claim of a coupon',
    'no claim is stored',
  );
  const claimIds = new Set<string>();
  for (const { name, held } of sales) {
    const users = new Set<string>();
    for (const { claim } of held) {
      findings.checked += 1;
      const { user_id: user, claim_id: id } = claim;
      if (users.has(user)) findings.violation(() => `${name}: ${user} holds more than one claim`);
      users.add(user);
      if (claimIds.has(id)) findings.violation(() => `${name}: claim ${id} exists twice`);
      claimIds.add(id);
    }
  }
  return findings.end();
}

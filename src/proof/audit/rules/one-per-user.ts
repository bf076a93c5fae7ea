// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence, Sale } from '../evidence.ts';
import { changesOf, positionsGiven, returnsUnit } from '../ledger-rows.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R2. A user holds at most one live claim of a coupon, and each claim id is unique. Where claims end, the rule replays the
 * ledger and judges every row of it. Where they are final, the last dump has every claim there ever was, so that it shows
 * the same (see `assumptions.ts`).
 */
export function onePerUser({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R2',
    'a user never holds two live claims of a coupon',
    'no claim is stored',
  );
  const claimIds = new Set<string>();
  for (const sale of sales) {
    const { name, held } = sale;
    const users = new Set<string>();
    for (const { claim, released } of held) {
      findings.checked += 1;
      const { user_id: user, claim_id: id } = claim;
      if (claimIds.has(id)) findings.violation(() => `${name}: claim ${id} exists twice`);
      claimIds.add(id);
      if (released !== undefined) continue;
      if (users.has(user)) findings.violation(() => `${name}: ${user} holds more than one claim`);
      users.add(user);
    }
    if (sale.claimsEnd) replayHolders(sale, findings);
  }
  return findings.end();
}

function replayHolders({ name, held, ledger }: Sale, findings: RuleFindings): void {
  const users = new Map(held.map(({ claim }) => [claim.position, claim.user_id]));
  const liveOf = new Map<string, Set<number>>();
  for (const row of ledger) {
    const gained = new Set<string>();
    for (const position of positionsGiven(row)) {
      const user = users.get(position);
      if (user === undefined) continue;
      gained.add(user);
      const live = liveOf.get(user);
      if (live === undefined) liveOf.set(user, new Set([position]));
      else live.add(position);
    }
    for (const change of changesOf(row)) {
      const user = users.get(change.position);
      if (user !== undefined && returnsUnit(change)) liveOf.get(user)?.delete(change.position);
    }
    for (const user of gained) {
      const live = liveOf.get(user) ?? new Set();
      if (live.size < 2) continue;
      findings.violation(() => {
        return `${name} seq ${row.seq}: ${user} holds positions ${[...live].join(' and ')}`;
      });
    }
  }
}

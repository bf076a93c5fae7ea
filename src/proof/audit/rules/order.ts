// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from '../columns.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R13. Positions respect real time: a claim that was shown before another was asked for has the lower position. And time
 * goes forward along the ledger. (A void mark is no decision, so its time does not count.)
 */
export function orderIsRealTime({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings('R13', 'positions follow the order in which claims were made');
  for (const sale of sales) {
    checkPositions(sale, findings);
    checkLedger(sale, findings);
  }
  return findings.end();
}

/** From the last position to the first, knowing of all later positions which claim was shown earliest. */
function checkPositions({ name, held }: Sale, findings: RuleFindings): void {
  let earliest: StoredClaim | undefined;
  for (let index = held.length - 1; index >= 0; index -= 1) {
    const one = held[index] as StoredClaim;
    findings.checked += 1;
    const later = earliest;
    if (later !== undefined && later.shown < one.begun) {
      findings.violation(() => {
        const [first, second] = [later.claim, one.claim];
        const told = `${name}: position ${first.position} was shown to ${first.user_id}`;
        return `${told} before ${second.user_id} asked for position ${second.position}`;
      });
    }
    if (one.shown < (earliest?.shown ?? never)) earliest = one;
  }
}

function checkLedger({ name, ledger }: Sale, findings: RuleFindings): void {
  let before = Number.NEGATIVE_INFINITY;
  for (const row of ledger) {
    if (row.kind === 'void') continue;
    const at = microseconds(row.recorded_at);
    if (at < before) {
      findings.violation(() => `${name} seq ${row.seq}: is dated before the row above it`);
    }
    before = Math.max(before, at);
  }
}

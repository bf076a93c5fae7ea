// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from '../columns.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R13. Positions respect real time: a claim that was shown before another was requested has the lower position. And time
 * never goes back along the ledger. (The time of a void mark does not count, since it is no decision.)
 */
export function orderIsRealTime({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R13',
    'positions follow the order of the claims',
    'no claim is stored',
  );
  for (const sale of sales) {
    checkPositions(sale, findings);
    checkLedger(sale, findings);
  }
  return findings.end();
}

/** Goes from the last position to the first, with the earliest shown claim of all later positions at hand. */
function checkPositions({ name, held }: Sale, findings: RuleFindings): void {
  let earliest: StoredClaim | undefined;
  for (let index = held.length - 1; index >= 0; index -= 1) {
    const one = held[index] as StoredClaim;
    findings.checked += 1;
    const later = earliest;
    if (later !== undefined && later.shown < one.begun) {
      findings.violation(() => {
        const [first, second] = [later.claim, one.claim];
        const shown = `${name}: position ${first.position} was shown to ${first.user_id}`;
        return `${shown} before ${second.user_id} requested position ${second.position}`;
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
      findings.violation(() => `${name} seq ${row.seq}: is dated before an earlier row`);
    }
    before = Math.max(before, at);
  }
}

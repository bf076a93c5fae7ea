// SPDX-License-Identifier: GPL-3.0-or-later
import { type ClaimState, claimStates } from '../../history.ts';
import { counted } from '../../numbers.ts';
import { areReserved, storedStateOf } from '../claim-states.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import {
  changesOf,
  positionsGiven,
  type RecordedChange,
  returnsUnit,
  unitsReturned,
} from '../ledger-rows.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/** From which states a change is possible, and to which state it leads. */
const transitions: Record<string, { from: readonly ClaimState[]; to: ClaimState }> = {
  C: { from: ['reserved'], to: 'confirmed' },
  U: { from: ['confirmed'], to: 'redeemed' },
  R: { from: ['reserved', 'confirmed'], to: 'released' },
  E: { from: ['reserved'], to: 'released' },
};

/**
 * R19. Replays the changes of the ledger: a claim is confirmed, redeemed or released only from a state that allows it, so
 * it is redeemed at most once and its unit comes back at most once; a row takes back exactly the units of the claims that
 * it ends. At the end each claim is in the state that the ledger gives it, with the times of its rows.
 */
export function transitionsAreAllowed({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R19',
    'claims change as allowed: redeemed once, each unit back once',
    'no claim was confirmed, redeemed or released',
  );
  for (const sale of sales) {
    replayChanges(sale, findings);
    checkRedemptions(history, sale, findings);
  }
  return findings.end();
}

type Replayed = { state: ClaimState; at: Partial<Record<ClaimState, string>> };

function replayChanges(sale: Sale, findings: RuleFindings): void {
  const { name, held, ledger } = sale;
  const claims = new Map<number, Replayed>();
  const first: ClaimState = areReserved(sale) ? 'reserved' : 'confirmed';
  for (const row of ledger) {
    for (const position of positionsGiven(row)) claims.set(position, { state: first, at: {} });
    const changes = changesOf(row);
    const report = (problem: string) => {
      findings.violation(() => `${name} seq ${row.seq}: ${problem}`);
    };
    if (changes.length !== (row.changes?.length ?? 0)) report('has more changes than positions');
    const returned = unitsReturned(row);
    const ended = changes.filter(returnsUnit).length;
    if (returned !== ended) {
      report(`takes back ${counted(returned, 'unit')}, of ${counted(ended, 'claim')}`);
    }
    for (const change of changes) {
      findings.checked += 1;
      const problem = apply(change, { claim: claims.get(change.position), at: row.recorded_at });
      if (problem !== undefined) report(problem);
    }
  }
  for (const one of held) {
    const replayed = claims.get(one.claim.position);
    const problem = replayed && differenceOf(one, replayed);
    if (problem !== undefined) {
      findings.violation(() => `${name}: position ${one.claim.position} ${problem}`);
    }
  }
}

function apply(
  { position, change }: RecordedChange,
  { claim, at }: { claim: Replayed | undefined; at: string },
): string | undefined {
  const transition = transitions[change];
  if (transition === undefined) return `changes position ${position} by ${change}`;
  if (claim === undefined) return `changes position ${position}, which no claim has`;
  const { state } = claim;
  if (!transition.from.includes(state)) {
    return `position ${position} becomes ${transition.to}, but was ${state}`;
  }
  claim.state = transition.to;
  claim.at[transition.to] = at;
  return undefined;
}

/** How the stored claim differs from what the ledger says. */
function differenceOf(one: StoredClaim, { state, at }: Replayed): string | undefined {
  const stored = storedStateOf(one);
  if (stored !== state) return `is ${stored}, by the ledger ${state}`;
  const { claim, released, redemption } = one;
  const times: Partial<Record<ClaimState, string | null | undefined>> = {
    confirmed: claim.confirmed_at,
    redeemed: redemption?.redeemed_at,
    released: released?.released_at,
  };
  const differing = claimStates.find((name) => !isSameTime(times[name], at[name]));
  if (differing === undefined) return undefined;
  return `was ${differing} at ${times[differing] ?? 'no time'}, by the ledger at ${at[differing] ?? 'no time'}`;
}

function isSameTime(a: string | null | undefined, b: string | undefined): boolean {
  if (a === null || a === undefined || b === undefined) return (a ?? undefined) === b;
  return microseconds(a) === microseconds(b);
}

/** No two answers say that they redeemed the same claim. */
function checkRedemptions(history: RecordedHistory, { ops }: Sale, findings: RuleFindings): void {
  const redeemedBy = new Map<number, number>();
  for (const op of ops) {
    const isRedemption = history.operation(op) === 'redeem' && history.type(op) === 'ok';
    if (!isRedemption || history.outcome(op) === 'replayed') continue;
    const claimId = history.claimId.at(op);
    const other = redeemedBy.get(claimId);
    if (other === undefined) redeemedBy.set(claimId, op);
    else {
      findings.violation(() => {
        return `${history.describe(op)}: redeems the claim that ${history.describe(other)} redeemed`;
      });
    }
  }
}

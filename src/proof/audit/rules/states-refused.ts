// SPDX-License-Identifier: GPL-3.0-or-later
import { areReserved, hasExpired, haveSagas, holdEnd } from '../claim-states.ts';
import { absent } from '../columns.ts';
import { type DatabaseTimes, databaseTimesOf } from '../database-times.ts';
import { mayHaveChanged, mayHaveEndedBefore } from '../endings.ts';
import { type Evidence, eachUser, type Sale, type StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

type Context = { history: RecordedHistory; sale: Sale; times: () => DatabaseTimes };
type Refused = {
  op: number;
  /** All operations of the user. */
  ops: Int32Array;
  held: readonly StoredClaim[];
  claim: StoredClaim | undefined;
};

const refusals = new Map<string, (context: Context, refused: Refused) => string | undefined>([
  ['hold_expired', whyNotExpired],
  ['claim_released', whyNotReleased],
  ['already_redeemed', whyNotRedeemed],
  ['not_confirmed', whyConfirmed],
  ['claim_mismatch', whyNoMismatch],
  ['claim_not_found', whyFound],
  ['claim_limit_reached', whyBelowLimit],
  ['saga_running', whyNotRunning],
]);

/**
 * R23. A refusal by the state of a claim was true: the hold had expired, the claim was released or redeemed, was not
 * confirmed yet, did not exist, or the user had made all claims that the coupon allows. No user makes more than those. The
 * clock of the database decides, which the audit knows by the times in earlier and later answers.
 */
export function stateRefusalsAreTrue({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R23',
    'a refusal by the state of a claim is true',
    'no request was refused by the state of a claim',
  );
  for (const sale of sales) {
    let known: DatabaseTimes | undefined;
    const times = () => {
      known ??= databaseTimesOf(history, sale);
      return known;
    };
    const context = { history, sale, times };
    const most = sale.coupon?.claims_per_user_max ?? Number.POSITIVE_INFINITY;
    eachUser(history, sale, (user, ops) => {
      const held = sale.heldBy.get(user) ?? [];
      if (sale.claimsEnd && held.length > most) {
        const name = history.users.text(user);
        findings.violation(() => `${sale.name}: ${name} made ${held.length} claims of ${most}`);
      }
      for (const op of ops) {
        const whyNot = refusals.get(history.outcome(op) ?? '');
        // R11 judges look-ups.
        if (whyNot === undefined || history.type(op) !== 'fail') continue;
        if (history.operation(op) === 'find_claim') continue;
        findings.checked += 1;
        const id = history.claimIds.text(history.claimId.at(op));
        const claim = held.find((one) => one.claim.claim_id === id);
        const problem = whyNot(context, { op, ops, held, claim });
        if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
      }
    });
  }
  return findings.end();
}

const noClaim = 'shows no claim that this user ever held';

function whyNotExpired(context: Context, { op, claim }: Refused): string | undefined {
  if (claim === undefined) return noClaim;
  const { sale, times } = context;
  const end = holdEnd(sale, claim);
  if (end === undefined) return 'the coupon has no holds';
  if (typeof claim.claim.confirmed_at === 'string') return 'the claim was confirmed';
  if (claim.released !== undefined && !hasExpired(claim)) return 'the claim was released';
  if (end > times().atMost(op)) return 'the hold lasted longer';
  return keyProblem(context, op, claim);
}

function whyNotReleased(context: Context, { op, claim }: Refused): string | undefined {
  if (claim === undefined) return noClaim;
  const { history, times } = context;
  if (claim.released === undefined) return 'the claim is not released';
  if (hasExpired(claim)) return 'the hold expired, and was not released';
  const isLater =
    !mayHaveEndedBefore(claim, history.endEvent(op)) ||
    microseconds(claim.released.released_at) > times().atMost(op);
  return isLater ? 'the claim was released later' : keyProblem(context, op, claim);
}

/** A claim is refused so only under the key of the claim that ended. */
function keyProblem({ history }: Context, op: number, { claim }: StoredClaim): string | undefined {
  if (history.operation(op) !== 'claim') return undefined;
  const key = claim.idempotency_key;
  return key !== null && history.keyText(op) === key ? undefined : 'has not the key of the claim';
}

function whyNotRedeemed({ history, times }: Context, { op, claim }: Refused): string | undefined {
  if (claim === undefined) return noClaim;
  const { redemption } = claim;
  if (redemption === undefined) return 'the claim is not redeemed';
  if (microseconds(redemption.redeemed_at) > times().atMost(op))
    return 'the claim was redeemed later';
  const hasKey =
    history.operation(op) === 'redeem' &&
    redemption.idempotency_key !== null &&
    history.keyText(op) === redemption.idempotency_key;
  return hasKey ? 'has the key of the redemption, but is not a replay' : undefined;
}

function whyConfirmed({ sale, times }: Context, { op, claim }: Refused): string | undefined {
  if (claim === undefined) return noClaim;
  if (!areReserved(sale)) return 'each claim of this coupon is confirmed';
  const { confirmed_at: confirmedAt } = claim.claim;
  const wasConfirmed =
    typeof confirmedAt === 'string' && microseconds(confirmedAt) < times().atLeast(op);
  return wasConfirmed ? 'the claim had been confirmed' : undefined;
}

function whyNoMismatch({ history }: Context, { op, held }: Refused): string | undefined {
  const named = history.namedClaimId.at(op);
  if (named === absent) {
    return held.length < 2 ? 'the user never had a second claim' : undefined;
  }
  const id = history.claimIds.text(named);
  const own = held.find(({ claim }) => claim.claim_id === id);
  const isShown = own !== undefined && own.shown < history.begunEvent.at(op);
  return isShown ? 'names a claim of this user' : undefined;
}

function whyFound({ history }: Context, { op, held }: Refused): string | undefined {
  const shown = held.find((one) => one.shown < history.begunEvent.at(op));
  return shown && `claim ${shown.claim.claim_id} had been shown`;
}

function whyBelowLimit({ history, sale }: Context, { op, held }: Refused): string | undefined {
  const end = history.endEvent(op);
  const ended = held.filter((one) => one.begun < end && mayHaveEndedBefore(one, end));
  if (ended.some(({ released }) => released?.is_final === true)) return undefined;
  const most = sale.coupon?.claims_per_user_max ?? Number.POSITIVE_INFINITY;
  return ended.length >= most ? undefined : `the user had made ${ended.length} claims of ${most}`;
}

/**
 * The saga of a claim runs from the claim to its confirm or release. After the confirm an operator can have it undone, and
 * from then on it runs again.
 */
function whyNotRunning({ history, sale }: Context, { op, ops, held }: Refused): string | undefined {
  if (!haveSagas(sale)) return 'claims of this coupon have no sagas';
  const named = history.claimIds.text(history.namedClaimId.at(op));
  const could = named === undefined ? held : held.filter(({ claim }) => claim.claim_id === named);
  const begun = history.begunEvent.at(op);
  const mayRun = could.some((one) => {
    if (one.begun >= history.endEvent(op) || one.ending.shown < begun) return false;
    const id = history.claimIds.find(one.claim.claim_id);
    const isSeen = (other: number) => history.claimId.at(other) === id;
    const wasConfirmed = ops.some((other) => {
      const state = isSeen(other) && history.endEvent(other) < begun && history.state(other);
      return state === 'confirmed' || state === 'redeemed';
    });
    return !wasConfirmed || ops.some((other) => mayUndo(history, { other, op, id }));
  });
  return mayRun ? undefined : 'no saga of this user can have run';
}

function mayUndo(
  history: RecordedHistory,
  { other, op, id }: { other: number; op: number; id: number },
): boolean {
  if (history.begunEvent.at(other) >= history.endEvent(op)) return false;
  return mayHaveChanged(history, other, { change: 'release', claimId: id });
}

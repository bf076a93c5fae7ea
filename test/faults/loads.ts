// SPDX-License-Identifier: GPL-3.0-or-later
/** The load of a run: which scenario the drill plays, how long, and with how many users and units. */
import type { AuditOptions } from '../../src/proof/audit/options.ts';
import { type ClaimChange, claimChanges, type Operation } from '../../src/proof/history.ts';
import type { Chance, FaultRow } from './fault-row.ts';

/** The scenarios that a row may be played with. */
export const faultScenarios = [
  'mixed',
  'holds',
  'redeem',
  'sagas',
  'retry-storm',
  'overload',
] as const;

/** One of `faultScenarios`. */
export type FaultScenario = (typeof faultScenarios)[number];

/** The scenarios that play a row. */
export function scenariosOf({ scenarios = ['mixed'] }: FaultRow): readonly FaultScenario[] {
  return scenarios;
}

/** Whether claims of this scenario are confirmed, released or redeemed. */
export function changesClaims(scenario: FaultScenario): boolean {
  return scenario === 'holds' || scenario === 'redeem' || scenario === 'sagas';
}

/** Whether an operation changes a claim. */
export function isChange(f: Operation): f is ClaimChange {
  return claimChanges.some((change) => change === f);
}

/** How long the drill goes on before and after the faults, in seconds. */
export type Calm = { before: number; after: number };

// R16 compares with the answers of at least five seconds before, and over five seconds after.
const comparedCalm: Calm = { before: 5.5, after: 9.5 };
// The answers a second fall as units run out, so that R16 compares no rates. Long enough for holds to expire before the
// faults, and for all holds of the time of the faults afterwards.
const changesCalm: Calm = { before: 3, after: 6 };

/** The calm before and after the faults of a run. */
export function calmOf(scenario: FaultScenario): Calm {
  return changesClaims(scenario) ? changesCalm : comparedCalm;
}

/** What the audit requires of the scenario besides its defaults. */
export function auditOptionsOf(scenario: FaultScenario): Partial<AuditOptions> {
  return changesClaims(scenario) ? { goodputShareMin: 0 } : {};
}

const drillDefaults = { rate: 400, users: 20_000, timeoutMs: 4000 };
const [unitsMin, unitsMax] = [1000, 4000];
const changesRate = 150;
// Units come back, and are claimed again: there are more sagas than units.
const sagaDefaults = { users: 1_900, units: 1_000 };
// The units that the users of a second take for good, as a share of these users, in each coupon.
const takenShare = { holds: 0.65, redeem: 0.5 };

/** The options of the drill of a run, by the names of its flags. */
export function drillOptions(
  { drill = {}, faultSeconds }: Pick<FaultRow, 'drill' | 'faultSeconds'>,
  scenario: FaultScenario,
  chance: Chance,
): Record<string, string | number> {
  const {
    isRateMeasured,
    timeoutMs,
    seconds,
    secondsAfter,
    unitsShare = 1,
    readMaxAgeS,
    ...others
  } = drill;
  const own = { ...others, ...(readMaxAgeS !== undefined && { 'read-max-age': readMaxAgeS }) };
  const { users } = drillDefaults;
  const calm = calmOf(scenario);
  // The faults may last as long as they were measured to last. The sum can have more decimals than the drill accepts.
  const untilOver = Math.ceil(calm.before + faultSeconds + (secondsAfter ?? calm.after));
  const timed = { seconds: seconds ?? untilOver, timeout: timeoutMs ?? drillDefaults.timeoutMs };
  if (scenario === 'mixed') {
    const units = Math.round(chance.between(unitsMin, unitsMax));
    return { users, units, rate: drillDefaults.rate, ...timed, ...own };
  }
  if (scenario === 'sagas') {
    const all = { ...sagaDefaults, ...own };
    // All users arrive, the last ones soon before the end.
    return { ...all, rate: Math.ceil(all.users / untilOver), ...timed };
  }
  if (scenario === 'holds' || scenario === 'redeem') {
    // The units last until about the end of the faults: claims change all the time, and some are sold out.
    const takenUntilHealed = changesRate * takenShare[scenario] * (calm.before + faultSeconds);
    const units = Math.round(takenUntilHealed * chance.between(0.95, 1.2) * unitsShare);
    return { users, units, rate: changesRate, ...timed, ...own };
  }
  return {
    ...(isRateMeasured !== true && { rate: drillDefaults.rate }),
    ...(seconds !== undefined && { seconds }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    ...own,
  };
}

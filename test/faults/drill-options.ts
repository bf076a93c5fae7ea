// SPDX-License-Identifier: GPL-3.0-or-later
/** The options of the drill of a run. */
import type { Chance, FaultRow } from './fault-row.ts';

// R16 compares with the answers of at least five seconds before, and over five seconds after.
/** How long the drill runs before the first fault. */
export const calmSeconds = 5.5;
const afterSeconds = 9.5;

const drillDefaults = { scenario: 'mixed', rate: 400, users: 20_000, timeoutMs: 4000 };
const [unitsMin, unitsMax] = [1000, 4000];

/** The scenario of the row's drill. */
export function scenarioOf({ drill }: Pick<FaultRow, 'drill'>): string {
  return drill?.scenario ?? drillDefaults.scenario;
}

/** The options of the row's drill, besides its scenario, coupon, seed and files. */
export function drillOptions(
  row: Pick<FaultRow, 'drill' | 'faultSeconds'>,
  chance: Chance,
): Record<string, string | number> {
  const { scenario: _, isRateMeasured, timeoutMs, seconds, ...own } = row.drill ?? {};
  const { rate, users } = drillDefaults;
  const isOfKind = scenarioOf(row) === 'mixed';
  const units = Math.round(chance.between(unitsMin, unitsMax));
  // The faults may last as long as they were measured to last. The sum can have more decimals than the drill accepts.
  const untilOver = Math.ceil(calmSeconds + row.faultSeconds + afterSeconds);
  return {
    ...(isOfKind && { users, units }),
    ...(isRateMeasured !== true && { rate }),
    ...(isOfKind || seconds !== undefined ? { seconds: seconds ?? untilOver } : {}),
    ...((isOfKind || timeoutMs !== undefined) && { timeout: timeoutMs ?? drillDefaults.timeoutMs }),
    ...own,
  };
}

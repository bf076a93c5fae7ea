// SPDX-License-Identifier: GPL-3.0-or-later
import { invariant } from '../../../core/invariant.ts';
import { addTimes } from '../../../core/outcomes/answer-times.ts';
import type { CountedOutcome, OutcomeTally } from '../../../core/outcomes/outcome-counts.ts';
import type {
  OutcomeGap,
  OutcomeReader,
  OutcomeRetentionStore,
  OutcomeSecond,
  OutcomeStore,
  OutcomeWindow,
} from '../../../core/outcomes/ports.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { throwAsReadError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const beginOutcomes = statement('begin-outcomes');
const appendOutcomes = statement('append-outcomes');
const readOutcomes = statement('read-outcomes');
const deleteOldOutcomes = statement('delete-old-outcomes');

/** Seconds that are not read yet: every process has stored them once they are as old. */
const settleSeconds = 1;
/** More than can be read back, so that nothing is deleted that a read may want. */
const retentionSeconds = 20 * 60;
// Some milliseconds of the database's time.
const sliceDefault = 5_000;

type ClockRow = { clock_ms: number };

type WindowRow = ClockRow & { name: string; rows: string | null; gaps: string | null };

type CountedRow = [
  second: number,
  outcomes: OutcomeTally,
  times: number[],
  waiting: number,
  remaining: number | null,
];

/** Stores counts of outcomes in PostgreSQL. */
export function postgresOutcomeStore(database: Database): OutcomeStore {
  const clockOf = ([row]: ClockRow[]) => {
    invariant(row, 'the server has a clock');
    return row.clock_ms;
  };
  return {
    begin: async () => clockOf(await runForDuty<ClockRow>(database, beginOutcomes, [])),
    async append(seconds, gap) {
      const given = seconds.map(({ couponName, second, outcomes, times, waiting }) => ({
        ...{ coupon_name: couponName, second, outcomes, times, waiting },
      }));
      const values = [JSON.stringify(given), gap?.first ?? null, gap?.last ?? null];
      return clockOf(await runForDuty<ClockRow>(database, appendOutcomes, values));
    },
  };
}

/** Reads the counts of all processes from PostgreSQL. */
export function postgresOutcomeReader(database: Database): OutcomeReader {
  return {
    async read(couponNames, seconds) {
      const rows = await database
        .run<WindowRow>(readOutcomes, [couponNames, seconds, settleSeconds])
        .catch(throwAsReadError);
      return new Map(rows.map((row) => [row.name, windowOf(row, seconds)]));
    },
  };
}

/** Deletes old counts in PostgreSQL, under the lease of the duty `ticket_retention`. */
export function postgresOutcomeRetention(
  database: Database,
  slice: number = sliceDefault,
): OutcomeRetentionStore {
  return {
    async deleteOld({ epoch }) {
      const [row] = await runForDuty<{ is_held: boolean; deleted: number | null }>(
        database,
        deleteOldOutcomes,
        [epoch, retentionSeconds, slice],
      );
      return row?.is_held ? { hasMore: (row.deleted ?? 0) >= slice } : 'lease_lost';
    },
  };
}

function windowOf(row: WindowRow, seconds: number): OutcomeWindow {
  const last = Math.floor(row.clock_ms / 1000) - 1 - settleSeconds;
  const first = last - seconds + 1;
  const gaps = gapsIn(JSON.parse(row.gaps ?? '[]') as [number, number][], { first, last });
  const isComplete = (second: number) =>
    !gaps.some((gap) => gap.first <= second && second <= gap.last);
  const bySecond = new Map<number, OutcomeSecond>();
  for (const counted of JSON.parse(row.rows ?? '[]') as CountedRow[]) {
    const [second] = counted;
    const known = bySecond.get(second) ?? {
      ...{ second, isComplete: isComplete(second), outcomes: {}, times: [], waiting: 0 },
      remaining: undefined,
    };
    bySecond.set(second, known);
    addCounts(known, counted);
  }
  return { first, last, seconds: [...bySecond.values()], gaps, clockMs: row.clock_ms };
}

/** The gaps within the window. Without the one that says from when on counts are known, nothing is. */
function gapsIn(
  stored: readonly [number, number][],
  window: { first: number; last: number },
): OutcomeGap[] {
  if (!stored.some(([first]) => first === 0)) return [window];
  return stored
    .map(([first, last]) => ({
      first: Math.max(first, window.first),
      last: Math.min(last, window.last),
    }))
    .filter(({ first, last }) => first <= last)
    .sort((one, other) => one.first - other.first);
}

function addCounts(sum: OutcomeSecond, counted: CountedRow): void {
  const [, outcomes, times, waiting, remaining] = counted;
  for (const [outcome, count] of Object.entries(outcomes) as [CountedOutcome, number][]) {
    sum.outcomes[outcome] = (sum.outcomes[outcome] ?? 0) + count;
  }
  addTimes(sum.times, times);
  sum.waiting += waiting;
  // The rows of a second come in the order in which they were stored.
  sum.remaining = remaining ?? sum.remaining;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The groups in which the outcomes of claims are shown: their order, labels, colours and patterns never change. */

/** How an area is filled, so that groups differ without their colours too. */
export type Pattern = 'plain' | 'rising' | 'falling' | 'dots' | 'level';

/** A group of outcomes. */
export type OutcomeGroup = {
  /** An outcome or error code, or `other`. */
  code: string;
  label: string;
  /** The custom property with its colour. */
  colour: string;
  pattern: Pattern;
};

type Entry = [code: string, label: string, pattern: Pattern];

const entries: Entry[] = [
  ['claimed', 'claimed', 'plain'],
  ['replayed', 'replayed', 'rising'],
  ['sold_out', 'sold out', 'plain'],
  ['already_claimed', 'already claimed', 'falling'],
  ['not_open', 'not open', 'rising'],
  ['paused', 'paused', 'level'],
  ['closed', 'closed', 'dots'],
  ['rate_limited', 'rate limited', 'falling'],
  ['overloaded', 'overloaded', 'plain'],
  ['unavailable', 'unavailable', 'rising'],
  ['outcome_unknown', 'outcome unknown', 'level'],
  ['other', 'other refusals', 'dots'],
];

/** From the bottom of a stack to its top. The last one has the codes that no other group has. */
export const outcomeGroups: readonly OutcomeGroup[] = entries.map(([code, label, pattern]) => ({
  ...{ code, label, pattern },
  colour: `--chart-${code.replaceAll('_', '-')}`,
}));

// Not an end of a claim: its decision is counted when it leaves the queue.
const queued = 'accepted';

const other = outcomeGroups.length - 1;
const indexByCode = new Map(outcomeGroups.map(({ code }, index) => [code, index]));

/** The claims that ended in a second, by group, in the order of the groups. Null: the counts are unknown. */
export function countsByGroup(outcomes: Record<string, number> | null): number[] | null {
  if (outcomes === null) return null;
  const counts = outcomeGroups.map(() => 0);
  for (const [code, count] of Object.entries(outcomes)) {
    if (code === queued) continue;
    const index = indexByCode.get(code) ?? other;
    counts[index] = (counts[index] ?? 0) + count;
  }
  return counts;
}

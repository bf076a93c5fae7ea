// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { outcomeGroups } from './outcome-groups.ts';
import { summarizeAnswerTimes, summarizeOutcomes, summarizeRemaining } from './summaries.ts';
import { groupsInRows, tableRows } from './table-rows.ts';

function secondsFrom(
  startMs: number,
  length: number,
  secondOf: (index: number) => Partial<SaleSecond>,
): SaleSecond[] {
  return Array.from({ length }, (_, index) => ({
    ...{ atMs: startMs + index * 1_000, isComplete: true, outcomes: {}, waitingClaims: 0 },
    ...{ unattributed: {}, p50Ms: null, p99Ms: null, remaining: null, ...secondOf(index) },
  }));
}

const [claimed, soldOut] = ['claimed', 'sold_out'].map((code) =>
  outcomeGroups.findIndex((group) => group.code === code),
) as [number, number];

describe('the rows of a table', () => {
  it('are ten seconds each, from full tens, the newest first, and complete', () => {
    const rows = tableRows(secondsFrom(8_000, 25, () => ({})));
    expect(rows.map(({ fromMs }) => fromMs)).toEqual([20_000, 10_000]);
  });

  it('have sums of outcomes, the last stock that is known, and the highest times', () => {
    const [row] = tableRows(
      secondsFrom(0, 10, (index) => ({
        ...{ outcomes: { claimed: 2, sold_out: index }, remaining: index < 7 ? 100 - index : null },
        ...{ p50Ms: index === 4 ? 9 : 3, p99Ms: index === 5 ? 90 : null },
      })),
    );
    expect(row?.outcomes?.[claimed]).toEqual({ count: 20, isLeast: false });
    expect(row?.outcomes?.[soldOut]).toEqual({ count: 45, isLeast: false });
    expect(row).toMatchObject({ remaining: 94, p50Ms: 9, p99Ms: 90 });
    expect(groupsInRows(row === undefined ? [] : [row])).toEqual([claimed, soldOut]);
  });

  it.each([
    ['unknown', { outcomes: null, isComplete: false }],
    ['not complete', { isComplete: false }],
  ])('say that a sum is the least where a second is %s', (_, gap) => {
    const [row] = tableRows(
      secondsFrom(0, 10, (index) => ({ outcomes: { claimed: 1 }, ...(index === 3 && gap) })),
    );
    expect(row?.outcomes?.[claimed]?.isLeast).toBe(true);
  });

  it('are unknown where all of their seconds are', () => {
    const [row] = tableRows(secondsFrom(0, 10, () => ({ outcomes: null, isComplete: false })));
    expect(row).toMatchObject({ outcomes: null, remaining: null, p50Ms: null, p99Ms: null });
  });
});

describe('the summary of a chart', () => {
  const startMs = new Date(2030, 0, 31, 18, 0, 0).getTime();
  const rows = tableRows(
    secondsFrom(startMs, 20, (index) => ({
      ...{ outcomes: { claimed: 1, sold_out: 4 }, remaining: 500 - index },
      ...{ p50Ms: 6.7, p99Ms: 22.6 },
    })),
  );

  it('says the stock at the ends', () => {
    expect(summarizeRemaining(rows, 500)).toBe(
      '481 of 500 units remained at 18:00:20, 491 at 18:00:10.',
    );
  });

  it('says how many claims had which outcome', () => {
    expect(summarizeOutcomes(rows)).toBe('From 18:00:10 to 18:00:20: 10 claimed, 40 sold out.');
  });

  it('says how long claims took', () => {
    expect(summarizeAnswerTimes(rows)).toBe(
      'From 18:00:10 to 18:00:20, in the slowest second: p50 6.7 ms, p99 23 ms.',
    );
  });

  it('distinguishes no claims from unknown counts', () => {
    const none = tableRows(secondsFrom(startMs, 10, () => ({})));
    expect(summarizeOutcomes(none)).toMatch(/: no claims\.$/);
    expect(summarizeAnswerTimes(none)).toMatch(/: no claims\.$/);
    const lost = tableRows(secondsFrom(startMs, 10, () => ({ outcomes: null })));
    expect(summarizeOutcomes(lost)).toMatch(/: the counts are not known\.$/);
    expect(summarizeAnswerTimes(lost)).toMatch(/: the times are not known\.$/);
    expect(summarizeRemaining(lost, 500)).toBe('The remaining units are not known.');
  });
});

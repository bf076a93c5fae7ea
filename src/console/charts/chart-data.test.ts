// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { SaleSecond } from '../../figures/sale-second.ts';
import {
  answerTimeData,
  lastMinutes,
  lonelyPoints,
  outcomeData,
  remainingData,
} from './chart-data.ts';
import { outcomeGroups } from './outcome-groups.ts';

const unknownSecond: Omit<SaleSecond, 'atMs'> = {
  ...{ isComplete: false, outcomes: null, p50Ms: null, p99Ms: null },
  ...{ unattributed: null, waitingClaims: null, remaining: null },
};

function secondsOf(...given: Partial<SaleSecond>[]): SaleSecond[] {
  return given.map((second, index) => ({
    ...{ ...unknownSecond, isComplete: second.outcomes != null },
    ...{ atMs: index * 1_000, ...second },
  }));
}

/** The values of a group, which the data has from the top of the stack down. */
function stackOf(data: ReturnType<typeof outcomeData>, code: string) {
  const series = outcomeGroups.length - 1 - outcomeGroups.findIndex((group) => group.code === code);
  return { values: data.values[series], isShown: data.isShown[series] };
}

describe('the data of a chart', () => {
  const seconds = secondsOf({ remaining: 5 }, {}, { remaining: 0 });

  it('has null where a value is unknown, and 0 where it is 0', () => {
    expect(remainingData(seconds).values).toEqual([[5, null, 0, 0]]);
  });

  it('ends with a point that makes the last second as long as the others', () => {
    expect(remainingData(seconds).times).toEqual([0, 1, 2, 3]);
  });

  it('is empty without seconds', () => {
    const data = remainingData([]);
    expect(data.times).toEqual([]);
    expect(data.values).toEqual([[]]);
  });
});

describe('the marks of a chart', () => {
  it('join unknown seconds that follow one another', () => {
    const { marks } = remainingData(secondsOf({}, {}, { remaining: 1 }, {}));
    expect(marks).toEqual([
      { kind: 'unknown', fromMs: 0, untilMs: 2_000 },
      { kind: 'unknown', fromMs: 3_000, untilMs: 4_000 },
    ]);
  });

  it('distinguish counts that are too low from those that are missing', () => {
    const seconds = secondsOf({ outcomes: { claimed: 1 }, isComplete: false }, {});
    expect(outcomeData(seconds).marks.map(({ kind }) => kind)).toEqual(['incomplete', 'unknown']);
  });

  it('leave out a second without claims, in which no time is known either', () => {
    const { marks, values } = answerTimeData(secondsOf({ outcomes: {} }));
    expect(marks).toEqual([]);
    expect(values).toEqual([
      [null, null],
      [null, null],
    ]);
  });
});

describe('outcomes', () => {
  const data = outcomeData(
    secondsOf({ outcomes: { claimed: 3, sold_out: 2, body_too_large: 1, internal: 4 } }, {}),
  );

  it('are stacked: each is the sum of its group and of those below', () => {
    expect(stackOf(data, 'claimed').values?.[0]).toBe(3);
    expect(stackOf(data, 'replayed').values?.[0]).toBe(3);
    expect(stackOf(data, 'sold_out').values?.[0]).toBe(5);
    expect(stackOf(data, 'other').values?.[0]).toBe(10);
  });

  it('are gaps in every group where they are unknown', () => {
    expect(data.values.map((values) => values[1])).toEqual(outcomeGroups.map(() => null));
  });

  it('show only the groups that occur', () => {
    expect(stackOf(data, 'sold_out').isShown).toBe(true);
    expect(stackOf(data, 'replayed').isShown).toBe(false);
  });
});

describe('the last minutes', () => {
  it('are the newest seconds', () => {
    const seconds = secondsOf(...Array.from({ length: 150 }, () => ({})));
    const last = lastMinutes(seconds, 2);
    expect(last).toHaveLength(120);
    expect(last.at(-1)).toBe(seconds.at(-1));
  });
});

describe('lonely points', () => {
  it('are those between two gaps', () => {
    expect(lonelyPoints([1, null, 2, null, 3, 4, null, 0])).toEqual([0, 2, 7]);
  });
});

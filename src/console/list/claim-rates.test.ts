// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { OutcomeHistory, OutcomeSecond } from '../../client.ts';
import { claimRates } from './claim-rates.ts';

const second = (at: string, outcomes: OutcomeSecond['outcomes']) =>
  ({ at: `2030-01-31T18:00:${at}.000Z`, complete: true, outcomes }) as OutcomeSecond;

const history = (changed: Partial<OutcomeHistory>): OutcomeHistory => ({
  ...{ coupon_name: 'LAUNCH', seconds: [], unknown: [] },
  ...{ from: '2030-01-31T18:00:00.000Z', until: '2030-01-31T18:00:15.000Z' },
  ...changed,
});

describe('claimRates', () => {
  it('is the mean of five seconds, and 0 where the history leaves seconds out', () => {
    const seconds = [
      second('00', { claimed: 10, sold_out: 7 }),
      second('04', { claimed: 5 }),
      second('14', { claimed: 20 }),
    ];
    expect(claimRates(history({ seconds }))).toEqual({ values: [3, 0, 4], last: 4 });
  });

  it('leaves out the oldest seconds where they make no five', () => {
    const seconds = [second('01', { claimed: 5 }), second('02', { claimed: 5 })];
    const from = '2030-01-31T18:00:02.000Z';
    expect(claimRates(history({ from, seconds })).values).toEqual([0, 0]);
  });

  it('is unknown where counts are missing', () => {
    const unknown = [{ from: '2030-01-31T17:00:00.000Z', until: '2030-01-31T18:00:05.000Z' }];
    const seconds = [
      second('00', { claimed: 5 }),
      second('12', null),
      second('13', { claimed: 9 }),
    ];
    expect(claimRates(history({ unknown, seconds }))).toEqual({
      values: [null, 0, null],
      last: null,
    });
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { overviewOf } from '../../../test/support/fake-sale.ts';
import { jsonLine, plainLine, readingOf } from './reading.ts';
import type { SaleView } from './sale-view.ts';

const view: SaleView = {
  overview: overviewOf({ coupon: { name: 'A "B"\u202e\n=' } }),
  ...{ serverMs: Date.parse('2030-01-31T18:00:10.000Z'), stockAgeS: 0.44, answersAgeS: 2.1 },
  lastSecond: {
    ...{ claimed: 812, accepted: 0, refused: 40 },
    refusals: [
      { code: 'sold_out', perSecond: 40, isOfAnyCoupon: false },
      { code: 'rate_limited', perSecond: 3, isOfAnyCoupon: true },
    ],
  },
  ...{ tenSeconds: undefined, soldOutInS: 80.4, seconds: [] },
  health: { status: 'healthy', version: '1.2.3', database: 'external' },
  trouble: undefined,
};

describe('a line about a sale', () => {
  it('has the same keys in the same order, each with one word or a quoted text', () => {
    expect(plainLine(readingOf(view))).toBe(
      'at=2030-01-31T18:00:10.000Z coupon_name="A \\"B\\"\\u{202e}\\n=" state=open ' +
        'remaining_amount=1234 amount=10000 claimed=8766 claims_per_second=812 ' +
        'refusals_per_second=sold_out:40,rate_limited:3 p50_ms=6.7 p99_ms=22.6 waiting_claims=120 ' +
        'sold_out_in_seconds=80 health=healthy health_reason=- age_seconds=0.4 stale=false problem=-',
    );
  });

  it('has a hyphen, and null in JSON, for what is unknown', () => {
    const reading = readingOf({
      ...view,
      ...{ lastSecond: undefined, soldOutInS: undefined, health: undefined, stockAgeS: 3.1 },
      trouble: 'it does not answer',
    });
    expect(plainLine(reading)).toContain(
      'claims_per_second=- refusals_per_second=- p50_ms=6.7 p99_ms=22.6 waiting_claims=120 ' +
        'sold_out_in_seconds=- health=- health_reason=- age_seconds=3.1 stale=true ' +
        'problem="it does not answer"',
    );
    expect(JSON.parse(jsonLine(reading))).toMatchObject({
      ...{ coupon_name: 'A "B"\u202e\n=', claims_per_second: null, refusals_per_second: null },
      ...{ sold_out_in_seconds: null, health: null, stale: true },
    });
    expect(jsonLine(reading)).not.toContain('\u202e');
  });

  it('has 0 where no claim was refused', () => {
    const lastSecond = { claimed: 0, accepted: 0, refused: 0, refusals: [] };
    expect(plainLine(readingOf({ ...view, lastSecond }))).toContain('refusals_per_second=0 ');
  });
});

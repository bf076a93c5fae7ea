// SPDX-License-Identifier: GPL-3.0-or-later
/** R18: how many claims must succeed where some units are on sale for a part of the run only. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { DumpedCoupon } from '../../src/proof/dump.ts';
import { auditRecorded, temporaryFolder } from '../support/proof-audit.ts';
import { SaleScript } from '../support/proof-recorder.ts';
import { timeAt } from '../support/sale-dump.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

let script: SaleScript;

beforeEach(() => {
  script = new SaleScript();
});

/** As many users claim; those after the last unit are refused. */
function claim(coupon: string, users: number): void {
  for (let user = 0; user < users; user += 1) script.claim(coupon, `user-${user}`);
}

/** The verdict and the notes of R18, with coupons that are stored as `stored` says. */
async function judged(stored: Record<string, Partial<DumpedCoupon>> = {}, okClaimsMin = 1000) {
  const dump = script.dump();
  for (const coupon of dump.coupons) Object.assign(coupon, stored[coupon.name]);
  const recorded = { events: script.recorder.events, dump };
  const { verdict, rules } = await auditRecorded(folder.path, recorded, { okClaimsMin });
  return { verdict, notes: rules.find(({ rule }) => rule === 'R18')?.notes };
}

const passed = { verdict: 'passed', notes: [] };
const unknown = (...notes: string[]) => ({ verdict: 'unknown', notes });

/** Each makes a coupon of ten units, four of which are won, and returns how it is stored. */
const limits: Record<string, () => Partial<DumpedCoupon>> = {
  'whose sale opened late': () => {
    script.create('LIMITED', 10, { opensMs: script.ms + 3 });
    claim('LIMITED', 4);
    return {};
  },
  'whose sale closed': () => {
    script.create('LIMITED', 10, { closesMs: script.ms + 20 });
    claim('LIMITED', 4);
    return {};
  },
  'that was paused': () => {
    script.create('LIMITED', 10);
    claim('LIMITED', 4);
    return { paused: true };
  },
  'whose sale was ended by a change': () => {
    script.create('LIMITED', 10);
    claim('LIMITED', 4);
    return { closes_at: timeAt(script.ms) };
  },
  'whose opening was removed by a change': () => {
    script.create('LIMITED', 10, { opensMs: script.ms + 3 });
    claim('LIMITED', 4);
    return { opens_at: null };
  },
};

describe.each(Object.entries(limits))('the units of a coupon %s', (_, limit) => {
  it('are not needed where the units of another coupon are sold', async () => {
    script.create('SALE', 3);
    const LIMITED = limit();
    claim('SALE', 4);
    script.ms += 20;
    expect(await judged({ LIMITED })).toEqual(passed);
  });

  it('stand for no unit of another coupon that is not sold', async () => {
    script.create('SALE', 3);
    const LIMITED = limit();
    claim('SALE', 2);
    script.claim('SALE', 'user-0');
    script.ms += 20;
    expect(await judged({ LIMITED })).toEqual(
      unknown('2 claims of units that were on sale all the time succeeded, needed: 3'),
    );
    // Enough claims are enough, of whichever coupon.
    expect(await judged({ LIMITED }, 6)).toEqual(passed);
  });

  it('are needed where there are no others', async () => {
    const LIMITED = limit();
    script.claim('LIMITED', 'user-0');
    script.ms += 20;
    expect(await judged({ LIMITED })).toEqual(unknown('4 claims succeeded, needed: 10'));
  });
});

describe('units that were added to a coupon', () => {
  it('are not needed where the first units are sold', async () => {
    script.create('SALE', 3);
    claim('SALE', 4);
    script.addStock('SALE', 10, 'more');
    expect(await judged()).toEqual(passed);
  });

  it('stand for no unit of another coupon that is not sold', async () => {
    script.create('SALE', 3);
    script.create('GROWING', 2);
    claim('SALE', 2);
    claim('GROWING', 3);
    script.addStock('GROWING', 10, 'more');
    script.claim('GROWING', 'user-3');
    script.claim('GROWING', 'user-4');
    expect(await judged()).toEqual(
      unknown('4 claims of units that were on sale all the time succeeded, needed: 5'),
    );
  });
});

it('units of a coupon whose window is open before and after the run are needed', async () => {
  script.create('SALE', 3, { opensMs: 0, closesMs: 1_000_000 });
  script.create('OTHER', 1);
  claim('OTHER', 2);
  claim('SALE', 2);
  expect(await judged()).toEqual(unknown('3 claims succeeded, needed: 4'));
});

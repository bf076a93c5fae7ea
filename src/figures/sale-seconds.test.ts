// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { OutcomeHistory, OutcomeSecond } from '../client.ts';
import { SaleSeconds } from './sale-seconds.ts';

const noon = Date.parse('2030-01-31T12:00:00Z') / 1_000;
const iso = (second: number) => new Date((noon + second) * 1_000).toISOString();

function counted(second: number, claimed: number): OutcomeSecond {
  return {
    ...{ at: iso(second), complete: true, outcomes: { claimed }, unattributed: {} },
    ...{ p50_ms: 4, p99_ms: 9, waiting_claims: 1, remaining_amount: null },
  };
}

function history(from: number, until: number, parts: Partial<OutcomeHistory> = {}): OutcomeHistory {
  const times = { from: iso(from), until: iso(until) };
  return { coupon_name: 'drop', ...times, seconds: [], unknown: [], ...parts };
}

/** The claims of each second from this one on. */
function claims(seconds: SaleSeconds, from = Number.NEGATIVE_INFINITY) {
  return seconds.listFrom((noon + from) * 1_000).map(({ outcomes }) => outcomes?.claimed);
}

describe('the seconds of a sale', () => {
  it('that the history leaves out had no claims, except where it does not know', () => {
    const seconds = new SaleSeconds(15);
    const unknown = [{ from: iso(1), until: iso(3) }];
    const partly = { ...counted(2, 5), complete: false };
    seconds.beginHistory()(history(0, 5, { seconds: [partly, counted(4, 8)], unknown }));
    expect(seconds.listFrom(0)).toMatchObject([
      { isComplete: true, outcomes: {}, waitingClaims: 0, p50Ms: null },
      { isComplete: false, outcomes: null, waitingClaims: null },
      { isComplete: false, outcomes: { claimed: 5 } },
      { isComplete: true, outcomes: {} },
      { isComplete: true, outcomes: { claimed: 8 }, p50Ms: 4, p99Ms: 9, waitingClaims: 1 },
    ]);
    expect(seconds.listFrom(0).map(({ atMs }) => atMs / 1_000 - noon)).toEqual([0, 1, 2, 3, 4]);
  });

  it('have the counts that came last', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 3));
    for (const claimed of [1, 7]) seconds.takeEvent(counted(2, claimed));
    expect(claims(seconds)).toEqual([undefined, undefined, 7]);
  });

  it('keep an event that came while the history was read, and no older one', () => {
    const seconds = new SaleSeconds(15);
    seconds.takeEvent(counted(1, 1));
    const take = seconds.beginHistory();
    seconds.takeEvent(counted(2, 2));
    take(history(0, 3, { seconds: [counted(1, 10), counted(2, 1)] }));
    expect(claims(seconds)).toEqual([undefined, 10, 2]);
  });

  it('say from when on they have changed', () => {
    const seconds = new SaleSeconds(15);
    expect(seconds.beginHistory()(history(0, 3))).toBe(noon * 1_000);
    const changed = seconds.takeEvent(counted(1, 5));
    expect(changed).toBe((noon + 1) * 1_000);
    expect(claims(seconds, 1)).toEqual([5, undefined]);
  });

  it('need 15 minutes of history at first, and then as much as they lack', () => {
    const seconds = new SaleSeconds(15);
    expect(seconds.minutesMissing()).toBe(15);
    seconds.takeEvent(counted(900, 1));
    expect(seconds.minutesMissing()).toBe(15);
    seconds.beginHistory()(history(0, 900));
    expect(seconds.minutesMissing()).toBe(0);
    seconds.takeEvent(counted(1_100, 1));
    expect(seconds.minutesMissing()).toBe(5);
    expect(seconds.listFrom(0).at(-2)).toMatchObject({ isComplete: false, outcomes: null });
    seconds.beginHistory()(history(801, 1_101));
    expect(seconds.minutesMissing()).toBe(0);
  });

  it('are the last 900', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 900));
    for (let second = 900; second < 1_000; second += 1) seconds.takeEvent(counted(second, second));
    const list = seconds.listFrom(0);
    expect(list).toHaveLength(900);
    expect(list[0]?.atMs).toBe((noon + 100) * 1_000);
    expect(seconds.minutesMissing()).toBe(0);
  });

  it('begin anew after a gap of more than 15 minutes', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 900));
    seconds.takeEvent(counted(5_000, 1));
    expect(claims(seconds)).toEqual([1]);
    expect(seconds.minutesMissing()).toBe(15);
  });

  it('end with the clock of the service when that is set back', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 900));
    seconds.takeEvent(counted(300, 3));
    expect(seconds.listFrom(0).at(-1)).toMatchObject({ outcomes: { claimed: 3 } });
    expect(seconds.listFrom(0)).toHaveLength(301);
    expect(seconds.minutesMissing()).toBe(0);
  });

  it('keep the newer ones when counts arrive half a minute late', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 900));
    seconds.takeEvent(counted(869, 3));
    expect(seconds.listFrom(0)).toHaveLength(900);
  });
});

describe('the stock of a second', () => {
  const at = (second: number) => (noon + second) * 1_000;
  const stock = (seconds: SaleSeconds) => seconds.listFrom(0).map(({ remaining }) => remaining);
  const sold = (second: number, remaining: number | null): OutcomeSecond => ({
    ...counted(second, 1),
    remaining_amount: remaining,
  });

  it('holds until it is read again, and is unknown where it may have changed', () => {
    const seconds = new SaleSeconds(15);
    const unknown = [{ from: iso(4), until: iso(5) }];
    const late = [sold(1, 70), sold(3, 60), sold(6, 40), sold(8, null)];
    seconds.beginHistory()(history(0, 10, { seconds: late, unknown }));
    expect(stock(seconds)).toEqual([null, 70, 70, 60, null, null, 40, 40, null, null]);
    expect(seconds.listFrom(at(2))[0]).toMatchObject({ remaining: 70 });
  });

  it('is the one that was read later, where it has not changed since', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 4, { unknown: [{ from: iso(1), until: iso(2) }] }));
    expect(seconds.takeStock(80, at(4) + 500)).toBeUndefined();
    seconds.takeEvent({ ...counted(4, 0), outcomes: {} });
    expect(seconds.takeStock(79, at(5) + 500)).toBe(at(2));
    expect(stock(seconds)).toEqual([null, null, 80, 80, 80]);
    seconds.takeEvent(sold(5, 70));
    expect(stock(seconds)).toEqual([null, null, 80, 80, 80, 70]);
  });

  it('is not the one that was read in a second with claims', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 4, { seconds: [sold(3, 60)] }));
    expect(seconds.takeStock(80, at(3))).toBeUndefined();
    expect(stock(seconds)).toEqual([null, null, null, 60]);
  });

  it('grows in the second in which more was read, and the ones before keep theirs', () => {
    const seconds = new SaleSeconds(15);
    seconds.beginHistory()(history(0, 4, { seconds: [sold(0, 60)] }));
    expect(seconds.takeStock(160, at(3))).toBe(at(3));
    expect(stock(seconds)).toEqual([60, 60, 60, 160]);
    expect(seconds.takeStock(160, at(3))).toBeUndefined();
  });
});

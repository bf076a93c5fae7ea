// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Overview } from '../../client.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import type { Sale } from '../live/sale-data.ts';
import { alarmsOf } from './alarms-of.ts';
import type { ServiceFacts } from './service-alarms.ts';

const service: ServiceFacts = {
  ...{ health: { state: 'absent' }, highestDurability: undefined, metrics: { state: 'absent' } },
  ...{ webhooks: { state: 'absent' }, deadLetters: { state: 'absent' } },
};

const startMs = Date.parse('2030-01-31T18:00:00Z');

function secondsOf(
  length: number,
  secondOf: (index: number) => Partial<SaleSecond> = () => ({ outcomes: { claimed: 1 } }),
): SaleSecond[] {
  return Array.from({ length }, (_, index) => ({
    ...{ atMs: startMs + index * 1_000, isComplete: true, outcomes: {}, waitingClaims: 0 },
    ...{ unattributed: {}, p50Ms: 5, p99Ms: 20, remaining: 100, ...secondOf(index) },
  }));
}

type Given = Partial<Omit<Sale, 'overview'>> & {
  coupon?: Partial<Overview['coupon']>;
  p99?: number | null;
};

function setOf({ coupon, p99 = 20, ...given }: Given = {}, ageMs = 0) {
  const seconds = given.seconds ?? secondsOf(120);
  const overview = {
    ...{ p99_ms: p99 },
    coupon: { state: 'open', opens_at: null, remaining_amount: 100, amount: 200, ...coupon },
  } as Overview;
  const sale: Sale = {
    ...{ name: 'drop', status: 'live', overview, health: undefined, arrivedAtMs: 0 },
    ...{ refusal: undefined, takenPerSecond: undefined, ...given, seconds },
  };
  return alarmsOf({ sale, service, nowMs: startMs + seconds.length * 1_000, ageMs });
}

function alarmOf(id: string, given: Given) {
  return setOf(given).alarms.find((alarm) => alarm.id === id);
}

describe('the alarms of a sale', () => {
  it('are none when all is known and well', () => {
    expect(setOf()).toEqual({ alarms: [], unknown: [], pending: [] });
  });

  it('say since when no data arrives, and what the service says to it', () => {
    const text = 'No data arrives. What the page shows is old. It tries again by itself.';
    const sinceMs = startMs + 108_000;
    expect(setOf({ status: 'stale' }, 12_000).alarms).toMatchObject([
      { id: 'stale', severity: 'critical', text, sinceMs },
    ]);
    const problem = { title: 'away', detail: 'the \u202edatabase is away', instance: 'urn:1' };
    const textFor = (refusal: object) =>
      alarmOf('stale', { status: 'stale', refusal: refusal as Sale['refusal'] })?.text;
    expect(textFor({ outcome: 'unavailable', problem })).toBe(
      `${text} The service says: the [U+202E]database is away`,
    );
    expect(textFor({ outcome: 'unavailable', problem: { ...problem, instance: '' } })).toBe(text);
    expect(textFor({ outcome: 'unauthorized', problem })).toBe(text);
  });

  it('do not cover what has not arrived yet', () => {
    const sale: Sale = {
      ...{ name: 'drop', status: 'connecting', overview: undefined, health: undefined },
      ...{ seconds: [], arrivedAtMs: undefined, refusal: undefined, takenPerSecond: undefined },
    };
    expect(alarmsOf({ sale, service, nowMs: undefined, ageMs: undefined })).toEqual({
      ...{ alarms: [], unknown: [], pending: ['p99', 'outcomes of the last minute'] },
    });
  });
});

describe('the alarm of slow answers', () => {
  it('begins above a second', () => {
    expect(alarmOf('slow', { p99: 1_000 })).toBeUndefined();
    expect(alarmOf('slow', { p99: 1_001 })).toBeDefined();
    expect(alarmOf('slow', { p99: null })).toBeUndefined();
  });

  it('is there since the first of the slow seconds, without a fast one after it', () => {
    const seconds = secondsOf(100, (index) => ({
      outcomes: { claimed: 1 },
      p99Ms: index === 92 ? null : index >= 90 || index === 50 ? 2_000 : 20,
    }));
    expect(alarmOf('slow', { p99: 2_000, seconds })?.sinceMs).toBe(startMs + 90_000);
  });
});

describe('the alarm of missing counts', () => {
  it.each([
    [2, undefined],
    [3, startMs + 117_000],
  ])('needs three seconds of the last minute: %d', (missing, sinceMs) => {
    const seconds = secondsOf(120, (index) => ({
      outcomes: { claimed: 1 },
      ...(index >= 120 - missing && { isComplete: false }),
      ...(index === 118 && { isComplete: false, outcomes: null }),
    }));
    expect(alarmOf('missing', { seconds })?.sinceMs).toBe(sinceMs);
  });

  it('does not count the time before the first counts', () => {
    const seconds = secondsOf(120, (index) =>
      index < 100 ? { isComplete: false, outcomes: null } : { outcomes: { claimed: 1 } },
    );
    expect(alarmOf('missing', { seconds })).toBeUndefined();
  });
});

describe('the alarm of shedding', () => {
  const shedding = (overloaded: number, claimed: number, before = claimed) =>
    alarmOf('shedding', {
      seconds: secondsOf(600, (index) => ({
        outcomes: index < 540 ? { claimed: before } : { claimed, overloaded },
      })),
    });

  it.each([
    ['one a second', 1, 0],
    ['a tenth of the decisions', 10, 100],
  ])('does not begin at %s', (_, overloaded, claimed) => {
    expect(shedding(overloaded, claimed)).toBeUndefined();
    expect(shedding(overloaded + 1, claimed)).toMatchObject({ severity: 'warning' });
  });

  it('is critical when less than half as many claims are decided as before', () => {
    expect(shedding(20, 100, 200)).toMatchObject({ severity: 'warning' });
    expect(shedding(20, 99, 200)).toMatchObject({
      severity: 'critical',
      text: expect.stringContaining('20 a second in the last minute, while 99 a second'),
    });
  });
});

describe('the alarm of an open sale without claims', () => {
  const silent = (index: number) => ({
    outcomes: index < 40 ? { claimed: 1 } : { already_claimed: 2, replayed: 1 },
  });
  const seconds = secondsOf(120, silent);

  it('says how long no claim has succeeded, how many units are left, and how many were refused', () => {
    expect(alarmOf('silence', { seconds })).toMatchObject({
      severity: 'warning',
      sinceMs: startMs + 40_000,
      text: 'The sale is open with 100 units left, but no claim has succeeded for 1 min 20 s. Refused in the last minute: 120.',
    });
  });

  it('is there where claims go into the queue and none is decided', () => {
    const queued = secondsOf(120, () => ({ outcomes: { accepted: 3, sold_out: 1 } }));
    expect(alarmOf('silence', { seconds: queued })?.text).toMatch(
      /Refused in the last minute: 60\. Put into the queue: 180\.$/,
    );
    const decided = secondsOf(120, () => ({ outcomes: { accepted: 3, claimed: 1 } }));
    expect(alarmOf('silence', { seconds: decided })).toBeUndefined();
  });

  it('begins after a minute', () => {
    expect(alarmOf('silence', { seconds: seconds.slice(0, 99) })).toBeUndefined();
    expect(alarmOf('silence', { seconds: seconds.slice(0, 100) })).toBeDefined();
  });

  it('counts from the opening where there was no claim at all', () => {
    const opens_at = new Date(startMs + 30_000).toISOString();
    const none = secondsOf(120, () => ({}));
    expect(alarmOf('silence', { seconds: none, coupon: { opens_at } })?.sinceMs).toBe(
      startMs + 30_000,
    );
  });

  it.each<[string, Given]>([
    ['is paused', { seconds, coupon: { state: 'paused' } }],
    ['is sold out', { seconds, coupon: { remaining_amount: 0 } }],
    [
      'has opened within the last minute',
      { seconds, coupon: { opens_at: new Date(startMs + 60_000).toISOString() } },
    ],
    [
      'has refused a claim as paused within the last minute',
      {
        seconds: secondsOf(120, (index) =>
          index === 70 ? { outcomes: { paused: 1 } } : silent(index),
        ),
      },
    ],
    [
      'lacks counts of the last minute',
      {
        seconds: secondsOf(120, (index) => (index === 70 ? { outcomes: null } : silent(index))),
      },
    ],
  ])('is not there when the sale %s', (_, given) => {
    expect(alarmOf('silence', given)).toBeUndefined();
  });
});

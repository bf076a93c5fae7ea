// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { arrivalTimes, type Phase } from '../../src/proof/drill/arrival-times.ts';
import {
  type DrillOptions,
  DrillOptionsError,
  resolveOptions,
  type ScenarioName,
  scenarioNames,
} from '../../src/proof/drill/options.ts';
import { planOf, scenarioOf } from '../../src/proof/drill/plan.ts';
import { Random } from '../../src/proof/drill/random.ts';
import type { ServiceRequest } from '../../src/proof/drill/request.ts';
import { retryEveryAnswer, retryUndecided } from '../../src/proof/drill/retry-policies.ts';
import { userName } from '../../src/proof/drill/scenario.ts';

const at = new Date('2026-01-02T03:04:05Z');
const urls = ['http://127.0.0.1:8080', 'http://127.0.0.1:8081'];
const sagaOptions = { saga: 'checkout', paymentBook: 'http://127.0.0.1:9101' };

function planned(more: Partial<DrillOptions> = {}) {
  const options = { scenario: 'flash-sale', urls, seed: 7, coupon: 'c', history: 'h' } as const;
  const sagas = more.scenario === 'sagas' ? sagaOptions : {};
  const settings = resolveOptions({ ...options, ...sagas, ...more }, at);
  const scenario = scenarioOf(settings);
  return [...planOf(settings, scenario, scenario.phases(200))];
}

// The other scenarios have planned times.
const planless: ScenarioName = 'million';
const plannedNames = scenarioNames.filter((name) => name !== planless);

const timesOf = (phases: Phase[], spacing: 'poisson' | 'even', seed = 1) =>
  [...arrivalTimes(phases, spacing, new Random(seed))].map(({ atMs }) => atMs);

describe('the random numbers', () => {
  it('draws the random numbers of sfc32', () => {
    // The published algorithm, written again independently: a, b, c and the counter, twelve rounds ahead.
    let [a, b, c, counter] = [0n, 42n, 0n, 1n];
    const mask = 0xffff_ffffn;
    const reference = () => {
      const drawn = (a + b + counter) & mask;
      counter = (counter + 1n) & mask;
      a = b ^ (b >> 9n);
      b = (c + (c << 3n)) & mask;
      c = ((((c << 21n) | (c >> 11n)) & mask) + drawn) & mask;
      return Number(drawn);
    };
    for (let round = 0; round < 12; round += 1) reference();
    const random = new Random(42);
    for (let count = 0; count < 1000; count += 1) expect(random.next32()).toBe(reference());
  });

  it('draws different numbers for each seed and each stream', () => {
    const firsts = [new Random(1), new Random(2), new Random(1, 1), new Random(2 ** 32 + 1)];
    expect(new Set(firsts.map((random) => random.next32())).size).toBe(4);
  });
});

describe('the plan of a drill', () => {
  it.each(plannedNames)('plans the same arrivals for the same seed: %s', (scenario) => {
    const plan = planned({ scenario, seconds: 3, rate: 200 });
    expect(plan.length).toBeGreaterThan(50);
    expect(planned({ scenario, seconds: 3, rate: 200 })).toEqual(plan);
    expect(planned({ scenario, seconds: 3, rate: 200, seed: 8 })).not.toEqual(plan);
  });

  it.each(plannedNames)('plans requests to every node, in order of time: %s', (scenario) => {
    const plan = planned({ scenario, seconds: 3, rate: 200 });
    const nodes = new Set(plan.flatMap(({ requests }) => requests.map(({ node }) => node)));
    expect([...nodes].sort()).toEqual([0, 1]);
    const times = plan.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((one, other) => one - other));
  });

  it('ends the plan when every user has arrived', () => {
    const plan = planned({ users: 300, rate: 1000 });
    const users = new Set(plan.map(({ requests }) => requests[0]?.request.user));
    expect(users.size).toBe(300);
    expect(plan.length).toBeLessThan(340);
  });

  it('ends the plan after its seconds, even if users are left', () => {
    const plan = planned({ users: 100_000, rate: 1000, seconds: 0.5 });
    expect(plan.at(-1)?.atMs).toBeLessThan(500);
    expect(plan.length).toBeGreaterThan(400);
    expect(plan.length).toBeLessThan(600);
  });

  it('repeats users of flash-sale with the same key and with another', () => {
    const claims = planned({ users: 2000 }).flatMap(({ requests }) =>
      requests.map(({ request }) => request),
    );
    const pairs = new Set(claims.map(({ user, key }) => `${user} ${key}`));
    const users = new Set(claims.map(({ user }) => user));
    expect(pairs.size).toBeLessThan(claims.length);
    expect(users.size).toBeLessThan(pairs.size);
  });

  it('plans claims of a double-dip user with one key, several and none at once', () => {
    const plan = planned({ scenario: 'double-dip', rate: 500, seconds: 4 });
    for (const { requests } of plan) {
      expect(new Set(requests.map(({ request }) => request.user)).size).toBe(1);
      expect(requests.length).toBeGreaterThanOrEqual(2);
      expect(new Set(requests.map(({ node }) => node)).size).toBe(2);
    }
    const keys = plan.flatMap(({ requests }) => requests.map(({ request }) => request.key));
    expect(keys).toContain(undefined);
    expect(new Set(keys).size).toBeLessThan(keys.length);
    // The rate counts claims, not users.
    expect(keys.length / 4).toBeGreaterThan(400);
    expect(keys.length / 4).toBeLessThan(600);
  });

  it('plans an overload of 2, 5 and 10 times, and half of the saturation after it', () => {
    const settings = resolveOptions({ scenario: 'overload', urls, seed: 1, history: 'h' }, at);
    const { probeSeconds = 0, phases } = scenarioOf(settings);
    expect(phases(100).map(({ fromRate }) => fromRate)).toEqual([200, 500, 1000, 50]);
    const seconds = phases(100).reduce((sum, phase) => sum + phase.seconds, probeSeconds);
    expect(seconds).toBeCloseTo(settings.seconds, 6);
  });

  it('takes a given rate of an overload as its saturation, and measures none', () => {
    const settings = resolveOptions(
      { scenario: 'overload', urls, seed: 1, rate: 30, history: 'h' },
      at,
    );
    const { probeSeconds, phases } = scenarioOf(settings);
    expect(probeSeconds).toBeUndefined();
    expect(phases(0).map(({ fromRate }) => fromRate)).toEqual([60, 150, 300, 15]);
  });

  it('plans an overload by the given factors, at rates that include retries', () => {
    const more = { times: [0.5, 3], rate: 100, seconds: 10 };
    const settings = resolveOptions(
      { scenario: 'overload', urls, seed: 1, history: 'h', ...more },
      at,
    );
    const phases = scenarioOf(settings).phases(0);
    expect(phases.map(({ name, fromRate, seconds }) => [name, fromRate, seconds])).toEqual([
      ['0.5 times', 50, 3],
      ['3 times', 300, 3],
      ['quiet', 50, 3],
    ]);
    expect(phases.map(({ rateIncludesRetries }) => rateIncludesRetries)).toEqual([
      true,
      true,
      undefined,
    ]);
  });

  it('has every user of a million claim, and five in a hundred of them twice under one key', () => {
    const users = 20_000;
    const drawAll = (seed: number) => {
      const settings = resolveOptions({ scenario: 'million', urls, seed, users }, at);
      const { draw } = scenarioOf(settings);
      const drawn: ServiceRequest[] = [];
      for (let next = draw(); next !== undefined; next = draw()) {
        drawn.push(...next.map(({ request }) => request));
      }
      return drawn;
    };
    const requests = drawAll(1);
    expect(drawAll(1)).toEqual(requests);
    expect(drawAll(2)).not.toEqual(requests);
    const firstAt = new Map<string, number>();
    const gaps: number[] = [];
    for (const [index, { user = '', key = '' }] of requests.entries()) {
      const first = firstAt.get(`${user} ${key}`);
      if (first === undefined) firstAt.set(`${user} ${key}`, index);
      else gaps.push(index - first);
    }
    expect(firstAt.size).toBe(users);
    expect(new Set(requests.map(({ user }) => user)).size).toBe(users);
    expect(gaps.length / users).toBeCloseTo(0.05, 2);
    const atOnce = gaps.filter((gap) => gap === 1);
    expect(atOnce.length / gaps.length).toBeCloseTo(0.5, 1);
  });

  it.each(['flash-sale', 'holds', 'mixed'] as const)(
    'adds reads to %s, half of which accept a cached answer, and changes no other request',
    (scenario) => {
      const requestsOf = (more: { readMaxAgeS?: number }) =>
        planned({ scenario, rate: 500, seconds: 5, ...more }).flatMap((arrival) =>
          arrival.requests.map(({ request }) => request),
        );
      const all = requestsOf({ readMaxAgeS: 2 });
      const reads = all.filter(({ f }) => f === 'read');
      const cached = reads.filter(({ maxAgeS }) => maxAgeS === 2);
      expect(reads.length / all.length).toBeGreaterThan(0.1);
      expect(cached.length / reads.length).toBeCloseTo(0.5, 1);
      const others = (requests: typeof all) => requests.filter(({ f }) => f !== 'read');
      expect(others(all)).toEqual(others(requestsOf({})));
    },
  );

  it('mixes all operations, and uses one key for each addition of stock', () => {
    const plan = planned({ scenario: 'mixed', rate: 500, seconds: 5 });
    const requests = plan.flatMap((arrival) => arrival.requests.map(({ request }) => request));
    const kinds = new Set(requests.map(({ f }) => f));
    expect([...kinds].sort()).toEqual(['add_stock', 'claim', 'find_claim', 'read']);
    expect(new Set(requests.map(({ coupon }) => coupon)).size).toBe(4);
    const additions = requests.filter(({ f }) => f === 'add_stock');
    expect(additions.length).toBeGreaterThan(10);
    for (const { key } of additions) {
      const same = additions.filter((addition) => addition.key === key);
      expect(same).toHaveLength(2);
      expect(new Set(same.map(({ units }) => units)).size).toBe(1);
    }
  });

  it('gives distinct users distinct names', () => {
    const names = Array.from({ length: 20_000 }, (_, number) => userName(number, 9));
    expect(new Set(names).size).toBe(20_000);
    expect(names).not.toEqual([...names].sort());
  });
});

describe('arrival times', () => {
  const steady: Phase = { name: 'load', seconds: 10, fromRate: 1000, toRate: 1000 };

  it('keeps the arrival rate on average, with random gaps', () => {
    const times = timesOf([steady], 'poisson');
    expect(times.length).toBeGreaterThan(9_600);
    expect(times.length).toBeLessThan(10_400);
    // In a Poisson process the standard deviation of the gaps equals their mean.
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    const variance = gaps.reduce((sum, gap) => sum + (gap - 1) ** 2, 0) / gaps.length;
    expect(variance).toBeGreaterThan(0.9);
    expect(variance).toBeLessThan(1.1);
  });

  it('keeps the arrival rate exactly when the gaps are even', () => {
    const times = timesOf([{ ...steady, seconds: 1, fromRate: 4, toRate: 4 }], 'even');
    expect(times).toEqual([125, 375, 625, 875]);
  });

  it('follows a ramp of the arrival rate', () => {
    const times = timesOf([{ ...steady, fromRate: 0, toRate: 1000 }], 'even');
    expect(times).toHaveLength(5000);
    const inSecond = (second: number) =>
      times.filter((time) => Math.floor(time / 1000) === second).length;
    expect(inSecond(0)).toBe(50);
    expect(inSecond(5)).toBe(550);
    expect(inSecond(9)).toBe(950);
  });

  it('continues the arrivals from one phase into the next', () => {
    const phases = [
      { name: 'slow', seconds: 1, fromRate: 10, toRate: 10 },
      { name: 'empty', seconds: 1, fromRate: 0, toRate: 0 },
      { name: 'fast', seconds: 1, fromRate: 100, toRate: 100 },
    ];
    const times = [...arrivalTimes(phases, 'even', new Random(1))];
    const inPhase = (wanted: number) => times.filter(({ phase }) => phase === wanted);
    expect(inPhase(0)).toHaveLength(10);
    expect(inPhase(1)).toHaveLength(0);
    expect(inPhase(2)).toHaveLength(100);
    expect(inPhase(2).every(({ atMs }) => atMs >= 2000 && atMs < 3000)).toBe(true);
  });
});

describe('a retry policy', () => {
  const routed = { node: 0, request: { f: 'claim', coupon: 'c', user: 'u', key: 'k', attempt: 1 } };
  const first = routed as Parameters<ReturnType<typeof retryUndecided>>[0];

  it('retries a shed request after Retry-After and at most half of it more', () => {
    const follow = retryUndecided({ attemptsMax: 3, nodes: 2, seed: 1 });
    const shed = { type: 'fail', outcome: 'overloaded', effect: 'none', retryAfterS: 2 } as const;
    for (let count = 0; count < 50; count += 1) {
      const [retry, ...others] = follow(first, shed);
      expect(others).toEqual([]);
      expect(retry?.request).toEqual({ ...first.request, attempt: 2 });
      expect(retry?.delayMs).toBeGreaterThanOrEqual(2000);
      expect(retry?.delayMs).toBeLessThanOrEqual(3000);
    }
  });

  it('plans no retry after a decision, or after the last attempt', () => {
    const follow = retryUndecided({ attemptsMax: 3, nodes: 2, seed: 1 });
    expect(follow(first, { type: 'ok', outcome: 'claimed' })).toEqual([]);
    expect(follow(first, { type: 'fail', outcome: 'sold_out' })).toEqual([]);
    const third = { ...first, request: { ...first.request, attempt: 3 } };
    expect(follow(third, { type: 'info', outcome: 'timeout' })).toEqual([]);
  });

  it('plans ten attempts for each key of a retry storm, drawn alike for all answers', () => {
    const play = (outcome: string) => {
      const follow = retryEveryAnswer({ attemptsMax: 10, nodes: 2, seed: 3 });
      const tries = [first];
      for (const one of tries) tries.push(...follow(one, { type: 'ok', outcome }));
      return tries;
    };
    const tries = play('claimed');
    expect(tries.map(({ request }) => request.attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(new Set(tries.map(({ node }) => node)).size).toBe(2);
    expect(play('sold_out')).toEqual(tries);
  });
});

describe('the options of a drill', () => {
  const good = { scenario: 'flash-sale', urls, seed: 1, history: 'h' } as const;
  const mistakesOf = (more: object) => {
    try {
      resolveOptions({ ...good, ...more }, at);
      return [];
    } catch (error) {
      return error instanceof DrillOptionsError ? error.mistakes : [String(error)];
    }
  };

  it('names the coupon by seed and time, so that a database can be used again', () => {
    const name = resolveOptions(good, at).coupon;
    expect(name).toMatch(/^drill-flash-sale-1-/);
    expect(resolveOptions(good, new Date(at.getTime() + 1)).coupon).not.toBe(name);
  });

  it('reports all mistakes in the options at once', () => {
    const more = { urls: ['https://a', 'http://me:secret@b'], users: 0, seconds: -1, rate: 0 };
    const mistakes = mistakesOf(more);
    expect(mistakes).toHaveLength(5);
    expect(mistakes.join()).not.toContain('secret');
  });

  it.each([
    [{ urls: [] }, 'at least one URL'],
    [{ seed: 1.5 }, 'seed'],
    [{ scenario: 'storm' }, 'scenario'],
    [{ rate: 1, ramp: { fromRate: 1, toRate: 2 } }, 'not both'],
    [{ scenario: 'overload', ramp: { fromRate: 1, toRate: 2 } }, 'overload'],
    [{ ramp: { fromRate: 0, toRate: 0 } }, 'no user'],
    [{ times: [2] }, 'only overload'],
    [{ scenario: 'overload', times: [] }, 'times'],
    [{ scenario: 'overload', times: [2, 0] }, 'times'],
    [{ scenario: 'overload', times: [1001] }, 'times'],
    [{ rate: Number.NaN }, 'a rate'],
    [{ scenario: 'million', rate: 5 }, 'million has no rate'],
    [{ scenario: 'million' }, 'million records no history'],
    [{ scenario: 'sagas' }, 'sagas needs --saga: the name of a saga in SAGAS_FILE'],
    [{ scenario: 'sagas', saga: 's' }, 'sagas needs --payment-book or --loyalty-book'],
    [{ scenario: 'sagas', saga: 's', paymentBook: 'https://a/b' }, 'http://host:port'],
    [{ saga: 's' }, 'only sagas has saga, payment-book, loyalty-book and receiver'],
    [{ units: 2_147_483_648 }, 'units'],
    [{ claimApiKey: 'a\r\nb' }, 'API key'],
    [{ coupon: '' }, 'coupon'],
    [{ readMaxAgeS: 0 }, 'the age of reads must be a whole number from 1 to 60'],
    [{ readMaxAgeS: 61 }, 'the age of reads'],
    [{ scenario: 'million', readMaxAgeS: 1 }, 'million reads nothing during the load'],
    [{ timeoutMs: 0 }, 'timeout must be a whole number from 1 to 600000'],
    [{ jsonReport: './h' }, 'different files'],
    [{ history: undefined, jsonReport: 'drill.jsonl' }, 'different files'],
  ])('rejects the options %j', (more, mistake) => {
    expect(mistakesOf(more).join()).toContain(mistake);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { DrillError } from '../../src/proof/drill/create-coupons.ts';
import { runDrill } from '../../src/proof/drill/drill.ts';
import type { DrillOptions, ScenarioName } from '../../src/proof/drill/options.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import {
  type FakeService,
  startFakeService,
  type Troubles,
} from '../support/drill-fake-service.ts';
import { type DrillRun, flawsOf, readHistory, runDrillHere } from '../support/drill-history.ts';
import { temporaryFolder } from '../support/proof-audit.ts';
import { retryIfStalled } from '../support/retry-if-stalled.ts';
import { waitFor } from '../support/wait-for.ts';

const services: FakeService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.close()));
});

// Ten failing attempts take two seconds on an idle machine.
const slowMs = 20_000;
const folder = temporaryFolder();
afterAll(folder.remove);

async function drill(
  scenario: ScenarioName,
  more: Partial<DrillOptions> & { nodes?: number; troubles?: Troubles } = {},
): Promise<DrillRun & { service: FakeService }> {
  const { nodes = 2, troubles, ...options } = more;
  const service = await startFakeService({ nodes, ...(troubles && { troubles }) });
  services.push(service);
  const fixed = { scenario, urls: service.urls, seed: 5, coupon: 'c', connections: 16 };
  // Longer than this process may stall, so that only the service's troubles cause lost answers.
  const run = await runDrillHere({ ...fixed, timeoutMs: 120_000, ...options });
  expect(flawsOf(run.events)).toEqual([]);
  expect(openOperations(run.events)).toEqual([]);
  return { ...run, service };
}

function openOperations(events: readonly HistoryEvent[]): number[] {
  const open = new Set<number>();
  for (const { op, type } of events) {
    if (type === 'invoke') open.add(op);
    else open.delete(op);
  }
  return [...open];
}

const completions = (events: readonly HistoryEvent[], f: HistoryEvent['f'] = 'claim') =>
  events.filter((event) => event.type !== 'invoke' && event.f === f);
const outcomesOf = (events: readonly HistoryEvent[]) =>
  new Set(events.map(({ outcome = '' }) => outcome));

/** Every acknowledged claim is stored as it was shown, and each user has one claim. */
function expectKept({ events, service }: DrillRun & { service: FakeService }): void {
  const acknowledged = completions(events).filter(({ type }) => type === 'ok');
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const { coupon, user = '', claim_id } of acknowledged) {
    const held = service.sale.coupons.get(coupon)?.claimsByUser.get(user);
    expect(held?.claimId).toBe(claim_id);
  }
}

describe('flash-sale', () => {
  it('lets every user of a flash sale claim, and records every answer', async () => {
    const run = await drill('flash-sale', { users: 400, units: 30, rate: 1500 });
    const { report, events, service } = run;
    expectKept(run);
    const users = new Set(completions(events).map(({ user }) => user));
    expect(users.size).toBe(400);
    expect(service.sale.coupons.get('c')?.claims.length).toBe(30);
    expect(outcomesOf(completions(events))).toContain('sold_out');
    expect(report.outcomes.claimed).toBe(30);
    expect(report.totals.answers.refused).toBeGreaterThan(300);
    expect(new Set(events.map(({ node }) => node))).toEqual(new Set(service.urls));
  });

  it('returns the same report to the caller, as JSON and as a page', async () => {
    const { report, json, html, printed, head, events } = await drill('flash-sale', {
      ...{ users: 50, rate: 500, claimApiKey: 'claim-secret', adminApiKey: 'admin-secret' },
    });
    const notes = ['not judged: the audit has not ended'];
    expect(json).toEqual({ verdict: 'unknown', audit: { rules: [], notes }, ...report });
    expect(Object.keys(json)[0]).toBe('verdict');
    expect(html).toContain('flash-sale');
    expect(printed).toContain('latency in ms');
    expect(head).toMatchObject({ history: 'firstcome', version: 1, seed: 5 });
    expect(report.history?.events).toBe(events.length);
    expect(report.series.length).toBeGreaterThan(0);
    for (const text of [JSON.stringify([json, head, events]), html, printed]) {
      expect(text).not.toContain('secret');
    }
  });

  it('plans the same claims for the same seed, whatever the answers', async () => {
    const firstTries = ({ events }: DrillRun) =>
      events
        .filter(({ type, f, attempt }) => type === 'invoke' && f === 'claim' && attempt === 1)
        .map(({ user, key }) => `${user} ${key}`)
        .sort();
    const one = await drill('flash-sale', { users: 100, rate: 500 });
    const troubles = { refuse: 0.3, delayMs: 5 };
    const other = await drill('flash-sale', { users: 100, rate: 500, troubles });
    expect(firstTries(other)).toEqual(firstTries(one));
  });

  it('reads every coupon and finds users on every node after the load', async () => {
    const { events, report, service } = await drill('flash-sale', { users: 60, rate: 600 });
    const lastClaim = events.findLastIndex(({ f }) => f === 'claim');
    const after = events.slice(lastClaim + 1);
    for (const node of service.urls) {
      const ofNode = completions(after, 'read').filter((event) => event.node === node);
      expect(ofNode).toMatchObject([{ type: 'ok', amount: 100, remaining_amount: 40 }]);
      const found = completions(after, 'find_claim').filter((event) => event.node === node);
      expect(found.length).toBeGreaterThan(10);
      expect(found.every(({ type }) => type === 'ok')).toBe(true);
    }
    expect(report.lastReads.map(({ remainingAmount }) => remainingAmount)).toEqual([40, 40]);
  });

  it('recovers lost answers by retries with the same key', async () => {
    const troubles = { drop: 0.1, unknown: 0.1, refuse: 0.1 };
    const run = await drill('flash-sale', { users: 300, units: 300, rate: 1500, troubles });
    expectKept(run);
    const outcomes = outcomesOf(completions(run.events));
    for (const outcome of ['reset', 'outcome_unknown', 'overloaded', 'replayed']) {
      expect(outcomes).toContain(outcome);
    }
    const last = new Map(completions(run.events).map((event) => [event.key, event.type]));
    const undecided = [...last.values()].filter((type) => type === 'info');
    expect(undecided.length).toBeLessThan(10);
  });

  it('writes all files when it is interrupted', async () => {
    const service = await startFakeService();
    services.push(service);
    const controller = new AbortController();
    const [{ report, events }] = await Promise.all([
      runDrillHere(
        { scenario: 'flash-sale', urls: service.urls, seed: 1, seconds: 60, rate: 200 },
        controller.signal,
      ),
      waitFor('load', () => service.requests.length > 40).finally(() => controller.abort()),
    ]);
    expect(report.isInterrupted).toBe(true);
    // 12,000 were planned.
    expect(report.totals.asked).toBeLessThan(6_000);
    expect(completions(events).length).toBeGreaterThan(20);
    expect(flawsOf(events)).toEqual([]);
    expect(openOperations(events)).toEqual([]);
  });

  it(
    'reports why it cannot create its coupon',
    async () => {
      const service = await startFakeService({ troubles: { refuse: 1 } });
      services.push(service);
      const refused = runDrillHere({ scenario: 'mixed', urls: service.urls, seed: 1 });
      await expect(refused).rejects.toThrow(/could not be created: 503 overloaded/);
    },
    slowMs,
  );

  it(
    'reports that another service answers',
    async () => {
      const other = createServer((_, response) => response.end('hello'));
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      const unlike = runDrillHere({ scenario: 'mixed', urls: [url], seed: 1 });
      await expect(unlike).rejects.toThrow(`what answers at ${url} is not this service`);
      await new Promise((resolve) => other.close(resolve));
    },
    slowMs,
  );

  it.skipIf(!existsSync('/dev/full'))('fails with a message when its disk is full', async () => {
    const service = await startFakeService();
    services.push(service);
    const options = { scenario: 'flash-sale', urls: service.urls, seed: 1, seconds: 60 } as const;
    const terminal = { write: () => undefined, draw: undefined, columns: undefined };
    const full = runDrill({ ...options, rate: 100, history: '/dev/full' }, terminal);
    await expect(full).rejects.toThrow('/dev/full is not complete: the disk is full: free');
    const files = { history: '/dev/null', htmlReport: '/dev/full' };
    const unreported = runDrill({ ...options, seconds: 0.1, ...files }, terminal);
    await expect(unreported).rejects.toThrow('/dev/full: the disk is full: free');
    await expect(unreported).rejects.toThrow(DrillError);
  });

  it(
    'writes no file before its coupons exist and onCreated has resolved',
    async () => {
      const service = await startFakeService();
      services.push(service);
      const history = join(folder.path, 'history.jsonl');
      const files = { history, jsonReport: join(folder.path, 'r.json') };
      const fixed = { scenario: 'flash-sale', seed: 1, users: 9, rate: 900, coupon: 'c' } as const;
      const terminal = { write: () => undefined, draw: undefined, columns: undefined };
      const play = (urls: string[], onCreated?: () => Promise<void>) =>
        runDrill({ ...fixed, ...files, urls }, terminal, undefined, onCreated);
      const unlike = async () => {
        throw new Error('not this one');
      };

      await expect(play(service.urls, unlike)).rejects.toThrow('not this one');
      expect(readdirSync(folder.path)).toEqual([]);
      for (const file of Object.values(files)) writeFileSync(file, 'the last run');
      await expect(play(service.urls)).rejects.toThrow('409 coupon_exists');
      await expect(play(['http://127.0.0.1:1'])).rejects.toThrow('nothing listens at');
      for (const file of Object.values(files)) {
        expect(readFileSync(file, 'utf8')).toBe('the last run');
      }
      service.sale.coupons.clear();
      await play(service.urls);
      expect(readHistory(history).events[0]).toMatchObject({ i: 0, type: 'invoke', f: 'create' });
    },
    slowMs,
  );
});

describe('double-dip', () => {
  it('has double-dip users claim concurrently, with one key, with several and with none', async () => {
    const run = await drill('double-dip', { users: 20, units: 15, rate: 800, seconds: 0.8 });
    expectKept(run);
    const { events, service } = run;
    expect(service.sale.coupons.get('c')?.claims.length).toBe(15);
    const outcomes = outcomesOf(completions(events));
    expect(outcomes).toEqual(new Set(['claimed', 'replayed', 'already_claimed', 'sold_out']));
    expect(concurrentOfOneUser(events)).toBeGreaterThan(1);
  });
});

describe('retry-storm', () => {
  it('sends ten attempts under each key of a retry storm, on all nodes, and gets one claim', async () => {
    const run = await drill('retry-storm', { users: 40, units: 25, rate: 400 });
    expectKept(run);
    const asked = new Map<string, HistoryEvent[]>();
    for (const event of completions(run.events)) {
      const { key = '' } = event;
      asked.set(key, [...(asked.get(key) ?? []), event]);
    }
    expect(asked.size).toBe(40);
    for (const events of asked.values()) {
      const attempts = events.map(({ attempt = 0 }) => attempt).sort((a, b) => a - b);
      expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(new Set(events.map(({ node }) => node)).size).toBe(2);
      expect(new Set(events.map(({ claim_id }) => claim_id)).size).toBe(1);
    }
    const reordered = [...asked.values()].filter((events) =>
      events.some(({ attempt = 0 }, index) => attempt < (events[index - 1]?.attempt ?? 0)),
    );
    expect(reordered.length).toBeGreaterThan(5);
  });
});

describe('overload', () => {
  it('measures the saturation, exceeds it with retries, and measures the recovery', async () => {
    await retryIfStalled(async () => {
      const troubles = { delayMs: 40, refuse: 0.05 };
      const few = { seconds: 2.5, connections: 4, timeoutMs: 1000 };
      const { report, events } = await drill('overload', { ...few, troubles });
      const { saturation = 0, phases, generator } = report;
      expect(saturation).toBeGreaterThan(20);
      expect(phases.map(({ name }) => name)).toEqual([
        ...['warm-up', 'probe', '2 times', '5 times', '10 times', 'quiet', 'last answers'],
      ]);
      const askedIn = (name: string) => phases.find((phase) => phase.name === name)?.asked ?? 0;
      // Half a second of it was planned; the generator skipped and counted what it was late for.
      const tenfold = askedIn('10 times') + generator.leftOut;
      expect(tenfold / 0.5).toBeGreaterThan(saturation * 5);
      expect(askedIn('quiet')).toBeLessThan(tenfold);
      // Four connections: the other requests waited in the clients, which counts.
      expect(report.latencyMs.p50).toBeGreaterThan(4 * report.serviceMs.p50);
      expect(Math.max(...events.map(({ attempt = 1 }) => attempt))).toBeGreaterThan(1);
      expect(report.recoveredAfterS).toBeDefined();
    });
  });

  it('retries after Retry-After, a bounded number of times', async () => {
    await retryIfStalled(async () => {
      const troubles = { refuse: 0.9, sparesCreation: true };
      const { events, report } = await drill('overload', { rate: 30, seconds: 1.5, troubles });
      expect(report.saturation).toBeUndefined();
      const attempts = events.filter(({ f }) => f === 'claim').map(({ attempt = 0 }) => attempt);
      expect(Math.max(...attempts)).toBe(4);
    });
  });
});

describe('mixed', () => {
  it('plays several coupons, a sale window, added stock, reads and look-ups', async () => {
    await retryIfStalled(async () => {
      const run = await drill('mixed', { rate: 800, seconds: 1.5, units: 60, users: 300 });
      expectKept(run);
      const { events, service, report } = run;
      expect([...service.sale.coupons.keys()]).toEqual([
        'c-hot',
        'c-small',
        'c-windowed',
        'c-growing',
      ]);
      const windowed = completions(events).filter(({ coupon }) => coupon === 'c-windowed');
      for (const outcome of ['not_open', 'claimed', 'closed']) {
        expect(outcomesOf(windowed)).toContain(outcome);
      }
      const created = events.filter(({ f, type }) => f === 'create' && type === 'invoke');
      const [, , withWindow] = created;
      expect(Date.parse(withWindow?.closes_at ?? '')).toBeGreaterThan(
        Date.parse(withWindow?.opens_at ?? ''),
      );
      const added = completions(events, 'add_stock').filter(({ type }) => type === 'ok');
      const unitsByKey = new Map(added.map(({ key, units = 0 }) => [key, units]));
      const grown = [...unitsByKey.values()].reduce((sum, units) => sum + units, 0);
      expect(added.length).toBeGreaterThan(unitsByKey.size);
      expect(service.sale.coupons.get('c-growing')?.amount).toBe(2 + grown);
      expect(report.outcomes['read: read']).toBeGreaterThan(10);
      expect(report.outcomes['find_claim: claim_not_found']).toBeGreaterThan(10);
    });
  });
});

describe('million', () => {
  async function playMillion(troubles: Troubles, signal?: AbortSignal) {
    const service = await startFakeService({ nodes: 2, troubles });
    services.push(service);
    const load = { users: 600, units: 50, connections: 16, timeoutMs: 120_000 };
    const options = { scenario: 'million', urls: service.urls, seed: 5, coupon: 'c' } as const;
    const terminal = { write: () => undefined, draw: undefined, columns: undefined };
    return { service, ...(await runDrill({ ...options, ...load }, terminal, signal)) };
  }

  it('writes no history of a million users, and keeps each claim that an answer showed', async () => {
    const { service, report, seen } = await playMillion({});
    const stored = service.sale.coupons.get('c')?.claimsByUser ?? new Map();
    expect(report.history).toBeUndefined();
    expect(report.outcomes.claimed).toBe(50);
    expect(seen?.claims.size).toBe(50);
    for (const [user, { claimId, key }] of seen?.claims ?? []) {
      expect(stored.get(user)).toMatchObject({ claimId, idempotencyKey: key });
    }
    expect(seen?.refusals).toBeGreaterThanOrEqual(550);
    expect(seen?.reads.map(({ remainingAmount }) => remainingAmount)).toEqual([0, 0]);
    expect([...(seen?.undecided ?? []), ...(seen?.contradictions ?? [])]).toEqual([]);
  });

  it('sends a claim of a million users again until it is decided', async () => {
    const troubles = { drop: 0.1, unknown: 0.1, refuse: 0.1, sparesCreation: true };
    const { report, seen } = await playMillion(troubles);
    expect(report.outcomes.outcome_unknown).toBeGreaterThan(0);
    expect(seen?.claims.size).toBe(50);
    expect([...(seen?.undecided ?? []), ...(seen?.contradictions ?? [])]).toEqual([]);
  });
});

/** The maximum number of concurrent claims of one user. */
function concurrentOfOneUser(events: readonly HistoryEvent[]): number {
  const underWay = new Map<string, number>();
  let most = 0;
  for (const { f, type, user = '' } of events) {
    if (f !== 'claim') continue;
    const now = (underWay.get(user) ?? 0) + (type === 'invoke' ? 1 : -1);
    underWay.set(user, now);
    most = Math.max(most, now);
  }
  return most;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Drills of a service whose claims wait in a queue. */
import { afterEach, describe, expect, it } from 'vitest';
import { DrillOptionsError, resolveOptions } from '../../src/proof/drill/options.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import {
  type FakeService,
  startFakeService,
  type Troubles,
} from '../support/drill-fake-service.ts';
import { flawsOf, runDrillHere } from '../support/drill-history.ts';
import { waitFor } from '../support/wait-for.ts';

const services: FakeService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.close()));
});

const nodes = 2;
const base = { scenario: 'flash-sale', seed: 5, coupon: 'c', prefer: 'respond-async' } as const;

async function start(troubles: Troubles) {
  const service = await startFakeService({ nodes, troubles: { queueMs: 2, ...troubles } });
  services.push(service);
  return service;
}

async function drill(troubles: Troubles, users = 60) {
  const service = await start(troubles);
  const sizes = { users, units: 20, rate: 1_000, connections: 16, timeoutMs: 120_000 };
  const run = await runDrillHere({ ...base, ...sizes, urls: service.urls });
  expect(flawsOf(run.events)).toEqual([]);
  return { ...run, service };
}

const of = (events: readonly HistoryEvent[], type: HistoryEvent['type'], f: HistoryEvent['f']) =>
  events.filter((event) => event.type === type && event.f === f);

describe('a drill of a queue', () => {
  it('reads each ticket until its final state, which is the answer to its claim', async () => {
    const { events, report, service } = await drill({});
    const accepted = events.filter(({ type }) => type === 'accepted');
    expect(accepted.length).toBeGreaterThanOrEqual(60);
    for (const { op, i, ticket_id } of accepted) {
      const ends = events.filter((event) => event.op === op && event.i > i);
      expect(ends.map(({ ticket_state }) => ticket_state)).toEqual(['decided']);
      const reads = of(events, 'invoke', 'read_ticket').filter(
        (read) => read.ticket_id === ticket_id,
      );
      const results = reads.map((read) => {
        return events.find((event) => event.op === read.op && event.type === 'ok');
      });
      // The claim ends where the first read shows a final state.
      const final = results.find((read) => read?.ticket_state === 'decided');
      expect(ends[0]?.i).toBeGreaterThan(final?.i ?? Number.POSITIVE_INFINITY);
    }
    const wins = of(events, 'ok', 'claim').filter(({ outcome }) => outcome === 'claimed');
    expect(wins.length).toBe(20);
    for (const { user = '', claim_id } of wins) {
      expect(service.sale.coupon('c').claimsByUser.get(user)?.claimId).toBe(claim_id);
    }
    expect(of(events, 'ok', 'claim').some(({ outcome }) => outcome === 'replayed')).toBe(true);
    expect(of(events, 'fail', 'claim').some(({ outcome }) => outcome === 'sold_out')).toBe(true);
    const { accepted: count = 0, decided, open, acceptedMs } = report.tickets ?? {};
    expect([count, decided, open]).toEqual([accepted.length, count, 0]);
    expect(acceptedMs?.count).toBe(count);
    expect(report.series.reduce((sum, second) => sum + second.accepted, 0)).toBe(count);
  });

  it('reads some tickets again after the load, on every node', async () => {
    const { events, service } = await drill({});
    const loaded = events.findLast(({ f }) => f === 'claim')?.i ?? 0;
    const last = of(events, 'ok', 'read_ticket').filter(({ i }) => i > loaded);
    const reads = service.urls.map((url) => last.filter(({ node }) => node === url).length);
    expect(reads).toEqual([40, 40]);
    expect(new Set(last.map(({ ticket_state }) => ticket_state))).toEqual(new Set(['decided']));
  });

  it('records an expired ticket as a refusal without effect, and claims again', async () => {
    let fates = 0;
    const fateOf = () => {
      fates += 1;
      return fates === 1 ? 'expired' : fates === 2 ? 'failed' : 'decided';
    };
    const { events, report } = await drill({ fateOf });
    const ends = of(events, 'fail', 'claim').filter(({ ticket_state }) => ticket_state);
    const [expired, failed] = ['ticket_expired', 'ticket_failed'].map((outcome) => {
      return ends.filter((end) => end.outcome === outcome);
    });
    expect([expired?.length, failed?.length]).toEqual([1, 1]);
    expect(expired?.[0]).toMatchObject({ http: 200, effect: 'none', ticket_state: 'expired' });
    const again = of(events, 'invoke', 'claim').filter(({ key, attempt }) => {
      return key === expired?.[0]?.key && attempt === 2;
    });
    expect(again.length).toBe(1);
    expect(report.tickets).toMatchObject({ expired: 1, failed: 1 });
  });

  it('follows the ticket of an unknown outcome too', async () => {
    const { events, report } = await drill({ unknown: 0.3 });
    const unknown = of(events, 'info', 'claim');
    expect(unknown.length).toBeGreaterThan(5);
    for (const { ticket_id, outcome } of unknown) {
      expect(outcome).toBe('outcome_unknown');
      const reads = of(events, 'invoke', 'read_ticket').filter(
        (read) => read.ticket_id === ticket_id,
      );
      const shown = reads.map(({ op }) => {
        return events.find((event) => event.op === op && event.type === 'ok')?.ticket_state;
      });
      expect(shown).toContain('decided');
    }
    expect(report.tickets?.unknown).toBe(unknown.length);
  });

  it('ends at once when it is interrupted, and leaves the tickets open', async () => {
    const service = await start({ queueMs: 600_000 });
    const stop = new AbortController();
    const running = runDrillHere(
      { ...base, users: 30, rate: 1_000, connections: 16, urls: service.urls },
      stop.signal,
    );
    const claims = () => service.requests.filter(({ path }) => path === '/api/coupons/claim');
    await waitFor('claims', () => claims().length >= 30);
    stop.abort();
    const { events, report } = await running;
    const open = of(events, 'info', 'claim').filter(({ outcome }) => outcome === 'ticket_open');
    expect(open.length).toBe(report.tickets?.open);
    expect(open.length).toBeGreaterThan(0);
  });
});

describe('the option prefer', () => {
  const resolve = (prefer: string) =>
    resolveOptions({ ...base, urls: ['http://127.0.0.1:1'], prefer }, new Date());

  it.each(['respond-async', 'wait=0', 'wait=20', 'respond-async, wait=3'])('takes %s', (prefer) => {
    expect(resolve(prefer).prefer).toBe(prefer);
  });

  it.each(['', 'wait', 'wait=-1', 'respond-async\r\nX: y'])('refuses %j', (prefer) => {
    expect(() => resolve(prefer)).toThrow(DrillOptionsError);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenarios in which claims end, against a service in memory, and the defects that their audit finds. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AuditReport } from '../../src/proof/audit/audit.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import type { ScenarioName } from '../../src/proof/drill/options.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import {
  type FakeService,
  startFakeService,
  type Troubles,
} from '../support/drill-fake-service.ts';
import { type DrillRun, flawsOf, runDrillHere } from '../support/drill-history.ts';
import {
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import { endingDumpOf } from '../support/proof-ending-dump.ts';
import { stateOf } from '../support/proof-ending-sale.ts';
import { retryIfStalled } from '../support/retry-if-stalled.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

type Judged = DrillRun & { service: FakeService; judged: AuditReport };

/** Runs a scenario, and audits it as the command does. */
async function drill(scenario: ScenarioName, troubles: Troubles = {}, units = 40): Promise<Judged> {
  const service = await startFakeService({ nodes: 2, troubles });
  const run = await runDrillHere({
    ...{ scenario, urls: service.urls, seed: 3, coupon: 'c', connections: 32, timeoutMs: 120_000 },
    ...{ users: 300, units, rate: 200 },
  }).finally(() => service.close());
  expect(flawsOf(run.events)).toEqual([]);
  const dump = endingDumpOf(service.sale, Date.now() - Date.UTC(2030, 0, 1));
  const { events } = run;
  const own = mkdtempSync(join(folder.path, 'drill-'));
  const judged = await auditRecorded(own, { events, dump, scenario }, {});
  return { ...run, service, judged };
}

const outcomesOf = (events: readonly HistoryEvent[], f: HistoryEvent['f']) =>
  new Set(events.filter((one) => one.f === f && one.type !== 'invoke').map((one) => one.outcome));

describe.concurrent('the scenario holds', () => {
  it('has users who pay, pay too late, fail to pay, leave and come back, and passes its audit', async () => {
    const { events, judged, service, report } = await drill('holds');
    expect(violationsOf(judged)).toEqual([]);
    expect(judged.verdict).toBe('passed');
    expect(outcomesOf(events, 'confirm')).toContain('confirmed');
    expect(outcomesOf(events, 'confirm')).toContain('hold_expired');
    expect(outcomesOf(events, 'release')).toContain('released');
    expect([...outcomesOf(events, 'claim')]).toEqual(
      expect.arrayContaining(['claimed', 'sold_out', 'hold_expired', 'claim_released']),
    );
    const { all } = service.sale.coupon('c');
    expect(all.map(stateOf)).toEqual(expect.arrayContaining(['confirmed', 'released']));
    expect(all.length).toBeGreaterThan(new Set(all.map(({ userId }) => userId)).size);
    const lists = events.filter(({ f, outcome }) => f === 'list_claims' && outcome === 'listed');
    for (const node of service.urls) {
      const listed = lists
        .filter((page) => page.node === node)
        .flatMap(({ claims = [] }) => claims);
      expect(listed.map(([id]) => id)).toEqual(all.map(({ claimId }) => claimId));
    }
    expect(report.outcomes['confirm: confirmed']).toBeGreaterThan(0);
    for (const rule of ['R19', 'R20', 'R21', 'R22', 'R23']) {
      expect(judged.rules.find((one) => one.rule === rule)).toMatchObject({ verdict: 'passed' });
    }
    // It searches an order only of what is small enough.
    const order = judged.rules.find(({ rule }) => rule === 'R13b');
    expect(['passed', 'skipped']).toContain(order?.verdict);
  });

  it('passes its audit although answers are lost and requests are shed', async () => {
    // While this process stalls, holds expire that users would have confirmed or released.
    await retryIfStalled(async () => {
      const { judged } = await drill('holds', { unknown: 0.1, refuse: 0.1, delayMs: 20, seed: 4 });
      expect(violationsOf(judged)).toEqual([]);
      expect(judged.verdict, decisiveRules(judged.rules).join()).toBe('passed');
      expect(judged.rules.find(({ rule }) => rule === 'R6')).toMatchObject({ verdict: 'passed' });
    });
  });

  it('gives the verdict unknown when no hold was confirmed', async () => {
    const { judged } = await drill('holds', {
      plant: (command) => {
        if (command.kind === 'confirm') Object.assign(command, { kind: 'release' });
      },
    });
    expect(judged.rules.find(({ rule }) => rule === 'R18')?.notes.join()).toContain('confirmed');
  });
});

describe.concurrent('the scenario redeem', () => {
  it('has holders who redeem early, twice at once and again, and passes its audit', async () => {
    const { events, judged } = await drill('redeem', { delayMs: 20 });
    expect(violationsOf(judged)).toEqual([]);
    expect(judged.verdict).toBe('passed');
    expect([...outcomesOf(events, 'redeem')]).toEqual(
      expect.arrayContaining(['redeemed', 'replayed', 'already_redeemed', 'not_confirmed']),
    );
    expect(outcomesOf(events, 'release')).toContain('already_redeemed');
  });
});

type Defect = {
  scenario: ScenarioName;
  units?: number;
  plant: NonNullable<Troubles['plant']>;
};

/** Each plants its defect where it can, into a service that is otherwise correct. */
const defects: [what: string, rule: string, defect: Defect][] = [
  [
    'a release that returns the unit twice',
    'R19',
    {
      scenario: 'holds',
      // So many that many users release.
      units: 1000,
      plant: (command, sale, name) => {
        const coupon = sale.coupon(name);
        // Of an earlier claim: few are released twice, and not on a machine that is slow.
        const ended = coupon.all.find(({ userId, released }) => {
          return released !== undefined && !coupon.claimsByUser.has(userId);
        });
        if (command.kind !== 'release' || ended?.released === undefined) return;
        coupon.end(ended, { ...ended.released });
      },
    },
  ],
  [
    'a confirm after the hold has expired',
    'R20',
    {
      scenario: 'holds',
      // So many that no claim needs the unit of an expired hold.
      units: 1000,
      plant: (command, sale, name) => {
        const claim = sale.coupon(name).claimsByUser.get(command.userId);
        if (command.kind !== 'confirm' || claim === undefined) return;
        claim.holdEndMs = Number.MAX_SAFE_INTEGER;
      },
    },
  ],
  [
    'a unit that is sold over a live hold',
    'R20',
    {
      scenario: 'holds',
      plant: (command, sale, name) => {
        const coupon = sale.coupon(name);
        const hold = coupon.claims.find((claim) => stateOf(claim) === 'reserved');
        const isNew = command.kind === 'claim' && !coupon.claimsByUser.has(command.userId);
        if (coupon.remaining === 0 && isNew && hold !== undefined) hold.holdEndMs = hold.claimedMs;
      },
    },
  ],
  [
    'a release that ends the newer claim of the user',
    'R22',
    {
      scenario: 'holds',
      // So many that users who come back win.
      units: 1000,
      plant: (command, sale, name) => {
        const live = sale.coupon(name).claimsByUser.get(command.userId);
        if (command.kind === 'release' && live !== undefined) command.claimId = live.claimId;
      },
    },
  ],
  [
    'a confirm that is acknowledged and lost',
    'R21',
    {
      scenario: 'holds',
      plant: (command, sale, name) => {
        const coupon = sale.coupon(name);
        const confirmed = coupon.claims.find(({ confirmedMs }) => confirmedMs !== undefined);
        if (confirmed === undefined || command.kind !== 'claim') return;
        delete confirmed.confirmedMs;
      },
    },
  ],
  [
    'a claim that is redeemed twice',
    'R19',
    {
      scenario: 'redeem',
      plant: (command, sale, name) => {
        const claim = sale.coupon(name).claimsByUser.get(command.userId);
        if (command.kind === 'redeem' && claim !== undefined) delete claim.redeemed;
      },
    },
  ],
];

describe.concurrent('a service with a defect', () => {
  it.each(defects)('is found out: %s (%s)', async (_, rule, parts) => {
    const { scenario, units, plant } = parts;
    const { judged } = await drill(scenario, { plant }, units);
    expect(judged.verdict).toBe('failed');
    expect(failedRules(judged), violationsOf(judged).join('\n')).toContain(rule);
  });
});

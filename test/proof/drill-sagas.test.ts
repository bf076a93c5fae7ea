// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenario `sagas` against a service in memory, and the defects that its audit finds. */
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AuditReport } from '../../src/proof/audit/audit.ts';
import type { DrillOptions } from '../../src/proof/drill/options.ts';
import { EventReceiver } from '../../src/proof/drill/outside/receive-events.ts';
import type { SagaDefects } from '../support/drill-fake-sagas.ts';
import {
  adminApiKey,
  type FakeService,
  startFakeService,
  type Troubles,
} from '../support/drill-fake-service.ts';
import { type DrillRun, runDrillHere } from '../support/drill-history.ts';
import {
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import { endingDumpOf } from '../support/proof-ending-dump.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

type Parts = { troubles?: Troubles; defects?: SagaDefects };
type Judged = DrillRun & { service: FakeService; judged: AuditReport };

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function optionsFor({ urls, sagas }: FakeService): Promise<DrillOptions> {
  const { payment: paymentBook, loyalty: loyaltyBook } = sagas.bookUrls;
  return {
    ...{ scenario: 'sagas', urls, seed: 3, coupon: 'c', connections: 32, timeoutMs: 120_000 },
    ...{ users: 150, units: 40, rate: 100, adminApiKey, claimApiKey: 'claim' },
    ...{ saga: 'checkout', paymentBook, loyaltyBook, receiver: await freeAddress() },
  };
}

/** Runs the scenario, and audits it as the command does. */
async function drill({ troubles = {}, defects = {} }: Parts = {}): Promise<Judged> {
  const service = await startFakeService({ nodes: 2, troubles, defects });
  const run = await runDrillHere(await optionsFor(service)).finally(() => service.close());
  const dump = endingDumpOf(service.sale, Date.now() - Date.UTC(2030, 0, 1));
  const own = mkdtempSync(join(folder.path, 'drill-'));
  const judged = await auditRecorded(own, { events: run.events, dump, scenario: 'sagas' }, {});
  return { ...run, service, judged };
}

describe.concurrent('the scenario sagas', () => {
  it('has users who pay and redeem, and operators who undo, and passes its audit', async () => {
    const { judged, report, events } = await drill();
    expect(violationsOf(judged)).toEqual([]);
    expect(judged.verdict).toBe('passed');
    for (const rule of ['R15', 'R24', 'R25', 'R26', 'R27', 'R28', 'R29']) {
      expect(judged.rules.find((one) => one.rule === rule)).toMatchObject({ verdict: 'passed' });
    }
    const seen = Object.keys(report.outcomes);
    expect(seen).toEqual(
      expect.arrayContaining(['release: undo_requested', 'redeem: redeemed', 'claimed']),
    );
    const types = new Set(events.map(({ type }) => type as string));
    for (const type of [
      'subscribed',
      'received',
      'delivered',
      'book_asked',
      'entry',
      'book_read',
    ]) {
      expect(types).toContain(type);
    }
  });

  it('passes its audit although answers are lost and requests are shed', async () => {
    const troubles = { unknown: 0.1, refuse: 0.1, delayMs: 20, seed: 4, sparesCreation: true };
    const { judged } = await drill({ troubles });
    expect(violationsOf(judged)).toEqual([]);
  });

  const defects: [what: string, rule: string, defects: SagaDefects][] = [
    ['payments that are never captured', 'R24', { forgets: 'capture' }],
    [
      'sagas that are compensated though their claims are confirmed',
      'R27',
      { endsAs: 'compensated' },
    ],
    ['claims that are released before the money has gone back', 'R29', { releasesFirst: true }],
    ['events without a valid signature', 'R15', { event: (one) => ({ ...one, signed: false }) }],
  ];

  it.each(defects)('is found out: a service with %s (%s)', async (_, rule, planted) => {
    const { judged } = await drill({ defects: planted });
    expect(failedRules(judged), violationsOf(judged).join('\n')).toContain(rule);
  });
});

describe('the receiver of a drill', () => {
  it('ends the webhook of an earlier drill, and records none of its events', async () => {
    const seen: unknown[] = [];
    const receiver = new EventReceiver('/own', (record) => seen.push(record));
    const address = await freeAddress();
    await receiver.listen(address);
    try {
      receiver.secret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3';
      const body = JSON.stringify({ id: 'evt_1', type: 't', timestamp: 'now', data: {} });
      const statusAt = async (path: string) => {
        return (await fetch(address + path, { method: 'POST', body })).status;
      };
      expect(await statusAt('/earlier')).toBe(410);
      expect(seen).toEqual([]);
      expect(await statusAt('/own')).toBe(204);
      expect(seen).toMatchObject([{ id: 'evt_1', signed: false }]);
    } finally {
      await receiver.close();
    }
  });
});

describe('what the scenario sagas needs', () => {
  const failureOf = async (change: (options: DrillOptions) => Partial<DrillOptions>) => {
    const service = await startFakeService();
    const options = await optionsFor(service);
    const error = await runDrillHere({ ...options, ...change(options) })
      .then(() => undefined)
      .catch((thrown: Error) => thrown.message)
      .finally(() => service.close());
    return error ?? 'it was played';
  };

  it('is named when the service has no such saga', async () => {
    expect(await failureOf(() => ({ saga: 'unknown' }))).toContain(
      'the service needs SAGAS_FILE with a saga that is named unknown',
    );
  });

  it('is named when a participant has no book, or the receiver cannot listen', async () => {
    const free = await freeAddress();
    expect(await failureOf(() => ({ loyaltyBook: free }))).toContain(
      `GET /book is not answered at ${free}`,
    );
    expect(await failureOf(({ urls: [url] }) => ({ receiver: url }))).toContain(
      'events cannot be received at',
    );
  });
});

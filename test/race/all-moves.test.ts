// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Four services on one database that loses answers, and users who claim, confirm, release, redeem, repeat themselves and
 * come back at random.
 */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditReport, auditHistory } from '../../src/proof/audit/audit.ts';
import type { StoredChange } from '../../src/proof/audit/options.ts';
import { runDrill } from '../../src/proof/drill/drill.ts';
import { allMoves } from '../support/all-moves.ts';
import { auditRecords } from '../support/audit.ts';
import { FaultProxy, seededRandom } from '../support/fault-proxy.ts';
import { isLong } from '../support/long.ts';
import { failedRules, rulesThatLeaveOpen, violationsOf } from '../support/proof-audit.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

const seed = 14;
const seconds = isLong ? 30 : 6;
const arrivalsPerSecond = 250;
// With those of users who make another move after an answer.
const movesMax = 2 * arrivalsPerSecond * seconds;
// Two of the four services lose answers, so 6 % are lost in all. A service that loses a connection forgets which coupons are
// sold out; the other two remember, and must not refuse a claim once a unit has come back.
const lostShare = 0.12;
const claimsPerUserMax = 12;
// The number of tries of the search for an order varies widely from run to run: 70 to over 1,000 where nothing is wrong.
const searchStepsMax = 200_000;

// What must have happened at least once.
const refusals = ['sold_out', 'already_claimed'];
const changes: StoredChange[] = ['confirmed', 'redeemed', 'released', 'expired'];

let database: TestDatabase;
let proxy: FaultProxy;
let services: ServiceProcess[];
let folder: string;

beforeEach(async () => {
  folder = await createTemporaryFolder('all-moves');
  database = await createTestDatabase();
  proxy = await FaultProxy.before(database.url);
  const urls = [proxy.urlOf(database.url), proxy.urlOf(database.url), database.url, database.url];
  services = await Promise.all(
    urls.map((url) => startServiceProcess({ ...patience, DATABASE_URL: url })),
  );
}, 300_000);

afterEach(async () => {
  await endServiceProcesses();
  await proxy?.stop();
  await database?.drop();
  await removeTemporaryFolder(folder);
});

/** A statement starts with Parse or Bind; the messages before it open the connection. */
const carriesStatement = (piece: Buffer) => piece[0] === 0x50 || piece[0] === 0x42;

/** Plays the moves, and stops the services. Returns the file of the history. */
async function play(): Promise<string> {
  const history = join(folder, 'history.jsonl');
  const random = seededRandom(seed);
  await runDrill(
    {
      ...{ scenario: 'holds', urls: services.map(({ url }) => url), seed, users: 500, units: 100 },
      ...{ rate: arrivalsPerSecond, seconds, connections: 256, timeoutMs: 120_000, history },
    },
    { write: () => undefined, draw: undefined, columns: undefined },
    undefined,
    async () => {
      await database.query('update coupons set claims_per_user_max = $1', [claimsPerUserMax]);
      proxy.cutWhen = (piece) =>
        carriesStatement(piece) && random() < lostShare ? 'before_reply' : undefined;
    },
    (settings) => allMoves(settings, movesMax),
  );
  for (const service of services) service.signal('SIGTERM');
  await Promise.all(services.map(({ ended }) => ended()));
  return history;
}

it('four services that lose answers make every move exactly once, and answer each truthfully', async () => {
  const historyFile = await play();
  expect(proxy.cuts.before_reply).toBeGreaterThan(10);
  const report: AuditReport = await auditHistory({
    historyFile,
    database: { config: { connectionString: database.url }, schema },
    options: { refusals, changes, searchStepsMax },
  });
  expect(violationsOf(report)).toEqual([]);
  expect(failedRules(report)).toEqual([]);
  expect(rulesThatLeaveOpen(report)).toEqual([]);
  expect(report.verdict).toBe('passed');
  expect(await auditRecords(database.query)).toEqual([]);
});

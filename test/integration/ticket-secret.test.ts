// SPDX-License-Identifier: GPL-3.0-or-later
/** What the nodes of a service read from the database for their tickets: the secret, and the time of acceptance. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { PostgresDatabaseClock } from '../../src/adapters/postgres/tickets/database-clock.ts';
import { loadTicketSecret } from '../../src/adapters/postgres/tickets/ticket-secret.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { ticketIdsUnder } from '../../src/adapters/system/ticket-ids.ts';
import { FixedClock } from '../support/fixed-clock.ts';
import { openDatabase } from '../support/open-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let nodes: Database[];

beforeAll(async () => {
  database = await createTestDatabase();
  nodes = Array.from({ length: 5 }, () => openDatabase(database, { connectionsMax: 1 }));
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await database.drop();
});

const node = (index: number) => nodes[index] as Database;

it('nodes that start together and later have one secret, so each verifies the ids of all', async () => {
  const secrets = await Promise.all(nodes.map(loadTicketSecret));
  const later = await loadTicketSecret(node(0));
  const ids = [...secrets, later].map(ticketIdsUnder);
  const ticket = { claimId: newId(), acceptedAtMs: Date.now() };
  for (const each of ids)
    expect(each.read(ids[0]?.create(ticket, 'ada') ?? '')).toMatchObject(ticket);
  expect(await database.query('select length(secret) from ticket_secret')).toEqual([
    { length: 32 },
  ]);
});

it('the clock of the database is never read too late', async () => {
  const clock = new PostgresDatabaseClock(node(0), systemClock);
  expect(clock.nowMs()).toBeUndefined();
  for (let turn = 0; turn < 20; turn += 1) {
    await clock.measure();
    const measured = clock.nowMs() ?? Number.NaN;
    const [row] = await database.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::double precision * 1000 as ms',
    );
    expect(measured).toBeLessThanOrEqual(row?.ms ?? Number.NaN);
    expect(measured).toBeGreaterThan(Date.now() - 60_000);
  }
});

it('the clock of the database goes on between measurements, and is unknown after a change of the server', async () => {
  const own = new FixedClock();
  const clock = new PostgresDatabaseClock(node(0), own);
  const measured = await clock.measure();
  await own.advance(1_500);
  expect(clock.nowMs()).toBe(measured + 1_500);
  const underWay = clock.measure();
  clock.forget();
  await underWay;
  expect(clock.nowMs()).toBeUndefined();
  await clock.measure();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(measured);
});

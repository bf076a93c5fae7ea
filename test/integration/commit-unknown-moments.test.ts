// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Query } from '../support/audit.ts';
import { type History, range } from '../support/crowd.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { type BatchKind, batchKinds, type Claims, InDoubtService } from '../support/in-doubt.ts';
import { lastFor } from '../support/last-for.ts';
import { openPool } from '../support/open-pool.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { SuspendedBackends } from '../support/suspended-backends.ts';
import { waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let service: InDoubtService;
const backends = new SuspendedBackends();

const query: Query = async (sql, values) => (await pool.query(sql, values)).rows;

beforeAll(async () => {
  // A backend that resumes continues, although its client is gone.
  postgres = await startOwnPostgres({ client_connection_check_interval: '0' });
  pool = openPool({ connectionString: postgres.url(), max: 4 });
  service = await InDoubtService.start(
    { url: postgres.url(), query },
    {
      ...{ DATABASE_CLAIM_CONNECTIONS: '2', CLAIM_TIMEOUT_MS: '600' },
      // A backend that is resumed in time goes on, and meets no limit of its own.
      DATABASE_STATEMENT_TIMEOUT_MS: '10000',
    },
  );
});

afterEach(() => backends.wakeAll());

afterAll(async () => {
  await service?.stop();
  await pool?.end();
  await postgres?.remove();
});

/** Lets a batch that has inserted claims wait, with all its locks, while the gate is closed. */
async function buildGate(): Promise<void> {
  await query(
    `create function pass_gate() returns trigger language plpgsql set lock_timeout = 0 as $$
     begin
       perform pg_advisory_xact_lock_shared(7, 7);
       return null;
     end $$`,
  );
  await query(
    `create trigger pass_gate after insert on claims for each statement
     execute function pass_gate()`,
  );
}

/** Closes the gate until `open`, which may be called twice. */
async function closeGate(): Promise<{ open(): Promise<void> }> {
  const holder = await service.beginManually();
  await holder.run('select pg_advisory_xact_lock(7, 7)');
  let opened: Promise<void> | undefined;
  return {
    open() {
      opened ??= holder.end();
      return opened;
    },
  };
}

type Suspect = { pid: number; kind: BatchKind };

/** The service's backends whose last batch meets this condition. */
async function batches(condition: string): Promise<Suspect[]> {
  const rows = await query<{ pid: number; query: string }>(
    `select pid, query from pg_stat_activity where application_name = 'firstcome' and ${condition}`,
  );
  return rows.flatMap(({ pid, query: text }) => {
    return batchKinds.filter((kind) => text.includes(kind)).map((kind) => ({ pid, kind }));
  });
}

it('backends that are suspended at any moment of a sale lose no claim and cause no wrong answer', async () => {
  const random = seededRandom(7);
  const names = range(6).map((index) => `sale ${index}`);
  // More than can be sold during the test.
  for (const name of names) await service.crowd.createCoupon(service.app.url, name, 1_000_000);
  await buildGate();
  const claims: Claims[number][] = [];
  const histories: Promise<History>[] = [];
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const index = claims.length;
      // Every other claim is of one coupon, so that there are batches and multi-coupon batches.
      const couponName = names[index % 2 === 0 ? 0 : index % names.length] as string;
      const claim = { couponName, userId: `user-${index}`, key: `key-${index}` };
      claims.push(claim);
      const history = service.untilDecided(claim);
      histories.push(history);
      await history;
    }
  };
  const clients = range(12).map(client);

  /** How often a backend was suspended with the locks of a batch of this kind, or without any lock. */
  const seen = { claim_batch: 0, claim_multi_coupon: 0, none: 0 };
  /** Suspends the backend for a while, and until it is known whether it holds locks. */
  const suspend = async ({ pid, kind }: Suspect, whileAsleep: () => Promise<void>) => {
    backends.freeze(pid);
    await whileAsleep();
    let isKnown = false;
    // Only a transaction with locks has an id.
    const looking = query<{ xid: string | null }>(
      'select backend_xid as xid from pg_stat_activity where pid = $1',
      [pid],
    ).then(([backend]) => {
      isKnown = true;
      if (backend !== undefined) seen[backend.xid === null ? 'none' : kind] += 1;
    });
    // After half the claim timeout the service gives the connection up.
    await lastFor(random() * 500);
    // It may hold a lock that the whole server needs; then no query returns before it wakes up.
    await waitFor('state of the backend', () => isKnown, { timeoutMs: 2_000 }).catch(
      () => undefined,
    );
    backends.wake(pid);
    await looking;
  };
  const suspendOneThat = async (
    condition: string,
    whileAsleep: () => Promise<void> = async () => undefined,
  ) => {
    const found = await batches(condition);
    const [rarest] = found.sort((one, other) => seen[one.kind] - seen[other.kind]);
    if (rarest !== undefined) await suspend(rarest, whileAsleep);
  };
  const suspendAtTheGate = async () => {
    const gate = await closeGate();
    try {
      const isAtTheGate = `wait_event = 'advisory'`;
      await waitFor('batch at the gate', async () => (await batches(isAtTheGate)).length > 0);
      await suspendOneThat(isAtTheGate, gate.open);
    } finally {
      await gate.open();
    }
  };
  const play = async () => {
    await lastFor(random() * 20);
    await suspendOneThat(`state = 'active'`);
    await suspendOneThat(`state = 'idle'`);
    await suspendAtTheGate();
    return Math.min(...Object.values(seen)) >= 3 && (await service.losses()) > 0;
  };
  await waitFor('moments of all sorts', play, { timeoutMs: 100_000 }).catch((error) => {
    throw new Error(`suspended: ${JSON.stringify(seen)}`, { cause: error });
  });
  isOver = true;
  await Promise.all(clients);
  await service.waitUntilIdle();
  expect(await service.audit(claims, await Promise.all(histories))).toEqual([]);
  expect(await service.losses()).toBeGreaterThan(0);
});

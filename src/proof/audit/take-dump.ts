// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import pg from 'pg';
import type {
  Dump,
  DumpedClaim,
  DumpedCoupon,
  DumpedLedgerRow,
  DumpedRedemption,
  DumpedReleasedClaim,
  DumpedSaga,
  DumpedSagaStep,
  DumpedTicket,
} from '../dump.ts';

const sql = (name: string) => readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8');

const connectTimeoutMs = 10_000;

// A claim that the standby does not have yet would count as lost. Each line fits 80 columns with its prefix.
const standby = 'it is a standby, which may be\nbehind. Set DATABASE_URL to the primary.';

/** The location of the tables. */
export type DumpedDatabase = {
  /** It may contain a password. */
  config: pg.ClientConfig;
  schema: string;
};

type ServerState = {
  taken_at: string;
  in_recovery: boolean;
  claims_can_end: boolean;
  has_sagas: boolean;
  has_tickets: boolean;
};

/** Connects with a search path of this schema alone, whatever the role and the URL set. */
export async function connectToDatabase({ config, schema }: DumpedDatabase): Promise<pg.Client> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: connectTimeoutMs });
  await client.connect();
  try {
    await client.query(sql('use-schema'), [schema]);
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}

/**
 * Reads the tables in one snapshot: all that was committed when it began, and nothing later. Changes nothing.
 * Call it once no request is under way, since the snapshot does not contain those. Rejects on a standby.
 */
export async function takeDump(database: DumpedDatabase): Promise<Dump> {
  const client = await connectToDatabase(database);
  try {
    await client.query(sql('begin-snapshot'));
    const [time] = (await client.query<ServerState>(sql('read-time'))).rows;
    if (time?.in_recovery) throw new Error(standby);
    const claimsCanEnd = time?.claims_can_end === true;
    const { rows: coupons } = await client.query<DumpedCoupon>(sql('read-coupons'));
    await client.query(sql(claimsCanEnd ? 'open-claims' : 'open-final-claims'));
    const claims = await fetchAll<DumpedClaim>(client, sql('fetch-claims'));
    await client.query(sql('open-ledger'));
    const ledger = await fetchAll<DumpedLedgerRow>(client, sql('fetch-ledger'));
    const takenAt = time?.taken_at ?? '';
    const tables = {
      ...{ coupons, claims, ledger },
      ...(claimsCanEnd && (await readEndings(client))),
      ...(time?.has_sagas === true && (await readSagas(client))),
      ...(time?.has_tickets === true && (await readTickets(client))),
    };
    return { dump: 'firstcome', version: 1, taken_at: takenAt, ...tables };
  } finally {
    // The transaction only reads, so it may end with its connection.
    await client.end();
  }
}

/** The tables of what became of claims. */
async function readEndings(
  client: pg.Client,
): Promise<Pick<Dump, 'released_claims' | 'redemptions'>> {
  await client.query(sql('open-released-claims'));
  const released = await fetchAll<DumpedReleasedClaim>(client, sql('fetch-released-claims'));
  await client.query(sql('open-redemptions'));
  const redemptions = await fetchAll<DumpedRedemption>(client, sql('fetch-redemptions'));
  return { released_claims: released, redemptions };
}

/** The tables of sagas. */
async function readSagas(client: pg.Client): Promise<Pick<Dump, 'sagas' | 'saga_steps'>> {
  await client.query(sql('open-sagas'));
  const sagas = await fetchAll<DumpedSaga>(client, sql('fetch-sagas'));
  await client.query(sql('open-saga-steps'));
  return { sagas, saga_steps: await fetchAll<DumpedSagaStep>(client, sql('fetch-saga-steps')) };
}

/** The table of tickets. */
async function readTickets(client: pg.Client): Promise<Pick<Dump, 'tickets'>> {
  await client.query(sql('open-tickets'));
  return { tickets: await fetchAll<DumpedTicket>(client, sql('fetch-tickets')) };
}

/** All rows of an open cursor, fetched in blocks. */
async function fetchAll<Row extends pg.QueryResultRow>(
  client: pg.Client,
  fetchSome: string,
): Promise<Row[]> {
  const all: Row[] = [];
  for (;;) {
    const { rows } = await client.query<Row>(fetchSome);
    if (rows.length === 0) return all;
    for (const row of rows) all.push(row);
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Dump, DumpedClaim, DumpedCoupon, DumpedLedgerRow } from '../dump.ts';

const sql = (name: string) => readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8');

const connectTimeoutMs = 10_000;

/**
 * Reads the three tables in one snapshot: all that was committed when it began, and nothing later. Changes nothing.
 * Call it once no request is under way, since the snapshot does not contain those.
 */
export async function takeDump(databaseUrl: string): Promise<Dump> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'firstcome audit',
  });
  await client.connect();
  try {
    await client.query(sql('begin-snapshot'));
    const [time] = (await client.query<{ taken_at: string }>(sql('read-time'))).rows;
    const { rows: coupons } = await client.query<DumpedCoupon>(sql('read-coupons'));
    await client.query(sql('open-claims'));
    const claims = await fetchAll<DumpedClaim>(client, sql('fetch-claims'));
    await client.query(sql('open-ledger'));
    const ledger = await fetchAll<DumpedLedgerRow>(client, sql('fetch-ledger'));
    const takenAt = time?.taken_at ?? '';
    return { dump: 'firstcome', version: 1, taken_at: takenAt, coupons, claims, ledger };
  } finally {
    // The transaction only reads, so it may end with its connection.
    await client.end();
  }
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

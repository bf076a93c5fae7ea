// SPDX-License-Identifier: GPL-3.0-or-later
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import {
  type BundledPostgres,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { systemPostgresBinDir } from './system-postgres.ts';

/** A PostgreSQL for one test file, which may stop it or change its settings without disturbing others. */
export type OwnPostgres = {
  /** Changes at each start. */
  url(): string;
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it for good and removes its files. */
  remove(): Promise<void>;
};

/** Starts one of the same version as the project's PostgreSQL. */
export async function startOwnPostgres(settings: Record<string, string>): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'firstcome-own-'));
  await chmod(folder, 0o755);
  const binDir = await binDirOfProject();
  let server: BundledPostgres;
  const start = async () => {
    server = await startBundledPostgres({
      ...{ dataDir: join(folder, 'data'), settings, say: () => undefined, log: () => undefined },
      ...(binDir !== undefined && { binDir }),
    });
  };
  await start();
  return {
    url: () => server.url,
    query: (sql) => queryOnce(server.url, sql),
    stop: () => server.stop(),
    start,
    async remove() {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The folder of PostgreSQL programs of the project's version; undefined: the bundled ones. */
export async function binDirOfProject(): Promise<string | undefined> {
  const systemBinDir = systemPostgresBinDir();
  const [row] = await queryOnce<{ version: string }>(
    inject('postgresUrl'),
    `select current_setting('server_version') as version`,
  );
  const major = row?.version.split('.')[0] ?? '';
  return systemBinDir?.includes(`/${major}/`) ? systemBinDir : undefined;
}

async function queryOnce<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

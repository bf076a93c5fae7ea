// SPDX-License-Identifier: GPL-3.0-or-later
/** The PostgreSQL server of a run. Each run creates its own databases on it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startBundledPostgres } from '../src/adapters/bundled-postgres/bundled-postgres.ts';
import type { CleanUp } from './clean-up.ts';
import { cpuSecondsOf, parentNamed } from './proc.ts';

/** A running server. */
export type DatabaseServer = {
  version: string;
  bundled: boolean;
  /** CPU seconds of all its processes so far; undefined when this machine cannot see them. */
  cpuSeconds(): number | undefined;
  /** Creates an empty database. The clean-up drops it. */
  createDatabase(name: string): Promise<BenchDatabase>;
};

/** One database, with a connection of the bench that is separate from those of the target. */
export type BenchDatabase = {
  url: string;
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Transactions that have ended in it. Backends report them late. Asking adds none. */
  transactions(): Promise<number>;
  /** Empties all tables but the list of migrations and the id of the installation. */
  empty(): Promise<void>;
  /** Writes all dirty pages, so that each run begins without pending writes. */
  checkpoint(): Promise<void>;
  /** Resolves when three checks in a row find no running statement, or after 30 s. */
  quiet(): Promise<void>;
};

/** Starts the bundled PostgreSQL with the settings that users get, but for its connections, in a folder that the clean-up removes. */
export async function startDatabaseServer(
  options: { databaseUrl: string | undefined; folder: string | undefined },
  cleanUp: CleanUp,
): Promise<DatabaseServer> {
  if (options.databaseUrl !== undefined) return useServer(options.databaseUrl, false, cleanUp);
  const dataDir = mkdtempSync(join(options.folder ?? tmpdir(), 'firstcome-bench-'));
  cleanUp.add(() => rmSync(dataDir, { recursive: true, force: true }));
  const starting = new AbortController();
  cleanUp.add(() => starting.abort());
  const postgres = await startBundledPostgres({
    dataDir,
    say: () => undefined,
    log: () => undefined,
    signal: starting.signal,
    // Up to ten targets have connections at the same time.
    settings: { max_connections: '200' },
  });
  cleanUp.add(() => postgres.stop());
  return useServer(postgres.url, true, cleanUp);
}

async function useServer(url: string, bundled: boolean, cleanUp: CleanUp): Promise<DatabaseServer> {
  const admin = new pg.Client({ connectionString: url, application_name: 'firstcome bench' });
  admin.on('error', () => undefined);
  await admin.connect();
  cleanUp.add(() => admin.end());
  const { rows } = await admin.query<{ pid: number; version: string }>(
    `select pg_backend_pid() as pid, current_setting('server_version') as version`,
  );
  const pid = rows[0]?.pid ?? 0;
  // On another machine the same pid belongs to another process, so the name is checked too.
  const postmaster = parentNamed(pid, 'postgres');
  const prefix = `firstcome_bench_${randomBytes(4).toString('hex')}`;
  let databases = 0;
  return {
    version: rows[0]?.version ?? 'unknown',
    bundled,
    cpuSeconds: () => cpuSecondsOf(postmaster),
    async createDatabase(name) {
      databases += 1;
      const database = `${prefix}_${databases}_${name.toLowerCase().replaceAll(/\W/g, '_')}`;
      await admin.query(`create database ${database}`);
      if (!bundled) cleanUp.add(() => dropDatabase(admin, database));
      const databaseUrl = new URL(url);
      databaseUrl.pathname = `/${database}`;
      const transactions = () => transactionsOf(admin, database);
      return { ...(await openDatabase(databaseUrl.href, cleanUp)), transactions };
    },
  };
}

async function transactionsOf(admin: pg.Client, database: string): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    'select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = $1',
    [database],
  );
  return rows[0]?.count ?? Number.NaN;
}

async function dropDatabase(admin: pg.Client, database: string): Promise<void> {
  await admin.query(`drop database ${database} with (force)`);
}

async function openDatabase(
  url: string,
  cleanUp: CleanUp,
): Promise<Omit<BenchDatabase, 'transactions'>> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'firstcome bench',
    // The tables of the service, or those of a target that has no schema of its own.
    options: '-c work_mem=128MB -c search_path=firstcome,public',
  });
  client.on('error', () => undefined);
  await client.connect();
  cleanUp.add(() => client.end());
  const query: BenchDatabase['query'] = async (sql, values) =>
    (await client.query(sql, values)).rows;
  return {
    url,
    query,
    async empty() {
      const tables = await query<{ name: string }>(
        `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
         where schemaname in ('firstcome', 'public')
           and tablename not in ('schema_migrations', 'installation', 'operator_log', 'duties')`,
      );
      if (tables.length === 0) return;
      await query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
    },
    async checkpoint() {
      // Without the permission, the server chooses the time of its checkpoints.
      await query('checkpoint').catch(() => undefined);
    },
    async quiet() {
      const deadline = performance.now() + 30_000;
      for (let idleChecks = 0; idleChecks < 3 && performance.now() < deadline; idleChecks += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const [row] = await query<{ busy: boolean }>(
          `select exists (select from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
               and backend_type = 'client backend' and state <> 'idle') as busy`,
        );
        if (row?.busy) idleChecks = -1;
      }
    },
  };
}

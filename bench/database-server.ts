// SPDX-License-Identifier: GPL-3.0-or-later
/** The PostgreSQL of a run, with databases of the run's own. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/adapters/embedded-postgres/embedded-postgres.ts';
import type { CleanUp } from './clean-up.ts';
import { cpuSecondsOf, parentNamed } from './proc.ts';

/** A server that runs. */
export type DatabaseServer = {
  version: string;
  bundled: boolean;
  /** CPU seconds of all its processes so far; undefined when they are not to be seen from here. */
  cpuSeconds(): number | undefined;
  /** Creates an empty database, which is dropped at the end. */
  createDatabase(name: string): Promise<BenchDatabase>;
};

/** One database, with a connection that works behind the backs of those who are measured. */
export type BenchDatabase = {
  url: string;
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Empties all tables but the list of migrations and the id of the installation. */
  empty(): Promise<void>;
  /** Writes all that is dirty, so that each run begins with the same debt: none. */
  checkpoint(): Promise<void>;
  /** Resolves when no statement has run for a moment. */
  quiet(): Promise<void>;
};

/** Starts the bundled PostgreSQL in a folder that is removed at the end, with the settings that users get. */
export async function startDatabaseServer(
  options: { databaseUrl: string | undefined; folder: string | undefined },
  cleanUp: CleanUp,
): Promise<DatabaseServer> {
  if (options.databaseUrl !== undefined) return useServer(options.databaseUrl, false, cleanUp);
  const dataDir = mkdtempSync(join(options.folder ?? tmpdir(), 'firstcome-bench-'));
  cleanUp.add(() => rmSync(dataDir, { recursive: true, force: true }));
  const starting = new AbortController();
  cleanUp.add(() => starting.abort());
  const postgres = await startEmbeddedPostgres({
    dataDir,
    say: () => undefined,
    log: () => undefined,
    signal: starting.signal,
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
  // A server on another machine has the same pids for other processes; the name tells them apart.
  const postmaster = parentNamed(pid, 'postgres');
  const prefix = `firstcome_bench_${randomBytes(4).toString('hex')}`;
  let databases = 0;
  return {
    version: rows[0]?.version ?? 'unknown',
    bundled,
    cpuSeconds: () => cpuSecondsOf(postmaster),
    async createDatabase(name) {
      databases += 1;
      const database = `${prefix}_${databases}_${name.replaceAll(/\W/g, '_')}`;
      await admin.query(`create database ${database}`);
      if (!bundled) cleanUp.add(() => dropDatabase(admin, database));
      const databaseUrl = new URL(url);
      databaseUrl.pathname = `/${database}`;
      return openDatabase(databaseUrl.href, cleanUp);
    },
  };
}

async function dropDatabase(admin: pg.Client, database: string): Promise<void> {
  await admin.query(`drop database ${database} with (force)`);
}

async function openDatabase(url: string, cleanUp: CleanUp): Promise<BenchDatabase> {
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
           and tablename not in ('schema_migrations', 'installation')`,
      );
      if (tables.length === 0) return;
      await query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
    },
    async checkpoint() {
      // Not everybody may; then checkpoints come when they come.
      await query('checkpoint').catch(() => undefined);
    },
    async quiet() {
      const deadline = performance.now() + 30_000;
      for (let looks = 0; looks < 3 && performance.now() < deadline; looks += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const [row] = await query<{ busy: boolean }>(
          `select exists (select from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
               and backend_type = 'client backend' and state <> 'idle') as busy`,
        );
        if (row?.busy) looks = -1;
      }
    },
  };
}

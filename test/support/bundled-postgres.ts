// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { systemPostgresBinDir } from './system-postgres.ts';
import { prepareTemplate } from './test-database.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The URL of a database on this run's own PostgreSQL, from which test databases are created. */
    postgresUrl: string;
  }
}

/** Runs a PostgreSQL for a project of tests: the bundled one, or the one installed on the system. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'firstcome-test-'));
  const binDir = project.name.includes('system') ? systemPostgresBinDir() : undefined;
  const postgres = await startBundledPostgres({
    dataDir,
    say: () => undefined,
    log: () => undefined,
    settings: { max_connections: '300' },
    ...(binDir !== undefined && { binDir }),
  });
  await prepareTemplate(postgres.url);
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

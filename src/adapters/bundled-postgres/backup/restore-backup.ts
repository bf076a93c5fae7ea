// SPDX-License-Identifier: GPL-3.0-or-later
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type BundledPostgresOptions,
  type LockedDataFolder,
  openDataFolder,
} from '../bundled-postgres.ts';
import {
  BundledPostgresError,
  errorCodeOf,
  toBundledPostgresError,
} from '../bundled-postgres-error.ts';
import { syncToDisk } from '../data-folder.ts';
import { clusterFolder, DamagedArchiveError, readManifest, unpackArchive } from './archive.ts';
import { toBackupError } from './backup-file-error.ts';
import { findDifference, readFolder } from './folder-content.ts';
import { assertRestorable, type Manifest } from './manifest.ts';

/** What to restore, and where to. */
export type RestoreOptions = Pick<BundledPostgresOptions, 'dataDir' | 'say' | 'log'> & {
  file: string;
  /** The migrations that this release knows. */
  migrations: readonly string[];
  /** Checks the tables of the restored database. Its rejection is that of the restore. */
  check(url: string, manifest: Manifest): Promise<void>;
  signal: AbortSignal;
};

// What a start may leave in a folder without a database, and what an empty disk contains.
const leftByFirstcome = /^(?:owners|new-.+|postgres-\d.*|lost\+found)$/;
// For the log that the server writes when it starts.
const spareBytes = 256 * 2 ** 20;

/**
 * Restores a backup into a DATA_DIR without a database, and checks it. The database appears under its name when every
 * file has its checksum and is on disk. It stays there when the check fails. Rejects with a `BundledPostgresError`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Manifest> {
  const file = resolve(options.file);
  const dataDir = resolve(options.dataDir);
  const manifest = await readManifest(file).catch((error) => {
    throw toBackupError(error, file);
  });
  await assertEmpty(dataDir);
  const folder = await openDataFolder(
    options,
    'Stop that process, or set DATA_DIR to a new folder.',
  );
  try {
    // Again, because another process may have created the database before this one locked the folder.
    await assertEmpty(dataDir);
    const here = await folder.programVersion();
    assertRestorable(manifest, { file, ...here, migrations: options.migrations });
    await assertSpace(dataDir, manifest.bytes);
    await unpack(folder, manifest, { ...options, file });
    await checkRestored(folder, manifest, options);
    return manifest;
  } finally {
    await folder.release();
  }
}

async function unpack(
  { dataDir }: LockedDataFolder,
  manifest: Manifest,
  { file, signal }: RestoreOptions,
): Promise<void> {
  // A start removes folders with this prefix, so a kill leaves nothing that looks like a database.
  const draft = join(dataDir, `new-${randomUUID()}`);
  try {
    await mkdir(draft, { mode: 0o700 });
    await unpackArchive(file, { folder: draft, signal });
    const found = await readFolder(join(draft, clusterFolder), { sync: true, signal });
    const path = findDifference(manifest, found);
    if (path !== undefined) throw new DamagedArchiveError(`${path} differs from the manifest`);
    await rename(join(draft, clusterFolder), join(dataDir, clusterFolder));
    await syncToDisk(dataDir);
  } catch (error) {
    const { path } = error as NodeJS.ErrnoException;
    if (path?.startsWith(draft)) throw toBundledPostgresError(error, dataDir);
    if (!signal.aborted) throw toBackupError(error, file);
    throw new BundledPostgresError(`The restore was stopped. ${dataDir} has no database.`, {
      cause: error,
    });
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Starts the server on the restored files, runs the check, and stops the server. */
async function checkRestored(
  folder: LockedDataFolder,
  manifest: Manifest,
  { check, signal }: RestoreOptions,
): Promise<void> {
  const restored = `The backup is restored in ${folder.dataDir}`;
  try {
    const server = await folder.start().catch((error: Error) => {
      throw new BundledPostgresError(
        `${restored}, but its server does not start: ${error.message}`,
        { cause: error },
      );
    });
    await check(server.url, manifest).finally(() => server.stop());
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new BundledPostgresError(
      `${restored}, but it is not checked, because the command was stopped. Restore it again into another folder.`,
      { cause: error },
    );
  }
}

async function assertEmpty(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: unknown): string[] => {
    if (errorCodeOf(error) === 'ENOENT') return [];
    throw toBundledPostgresError(error, dataDir);
  });
  const other = names.find((name) => !leftByFirstcome.test(name));
  if (other === undefined) return;
  throw new BundledPostgresError(
    `${dataDir} is not empty: it has ${other}. A restore replaces nothing. Move the folder away, or set DATA_DIR to a new one.`,
  );
}

async function assertSpace(dataDir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dataDir);
  const [free, needed] = [bavail * bsize, bytes + spareBytes];
  if (free >= needed) return;
  const inMb = (count: number) => `${Math.ceil(count / 2 ** 20)} MB`;
  throw new BundledPostgresError(
    `The disk that holds ${dataDir} has ${inMb(free)} free, and the restore needs ${inMb(needed)}. Free some space, or set DATA_DIR to a folder on another disk.`,
  );
}

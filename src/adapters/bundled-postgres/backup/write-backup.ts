// SPDX-License-Identifier: GPL-3.0-or-later
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import {
  type BundledPostgresOptions,
  type LockedDataFolder,
  openDataFolder,
} from '../bundled-postgres.ts';
import { BundledPostgresError } from '../bundled-postgres-error.ts';
import { syncToDisk } from '../data-folder.ts';
import { clusterFolder, writeArchive } from './archive.ts';
import { toBackupError } from './backup-file-error.ts';
import { readFolder } from './folder-content.ts';
import { formatVersion, type Installation, type Manifest, ownPlatform } from './manifest.ts';

/** What to back up, and where to. */
export type BackupOptions = Pick<BundledPostgresOptions, 'dataDir' | 'say' | 'log'> & {
  file: string;
  /** Replaces an existing file. */
  force: boolean;
  /** The release of firstcome, for the manifest. */
  release: string;
  createdAt: Date;
  /** Reads what the manifest says about the tables. */
  readInstallation(url: string): Promise<Installation>;
  signal: AbortSignal;
};

/** A finished backup. */
export type Backup = { file: string; bytes: number; manifest: Manifest };

// The server has this limit for a clean stop. After a crash it has written everything at the first start.
const startsMax = 2;
// In the control file of PostgreSQL 15 to 18: the offset of the state, and the value for a clean shutdown.
const [stateOffset, shutDown] = [16, 1];

/**
 * Copies the stopped database in DATA_DIR into one file. The file appears under its name when it is complete and on
 * disk. Holds the lock of the folder all the time. Rejects with a `BundledPostgresError`.
 */
export async function writeBackup(options: BackupOptions): Promise<Backup> {
  const { signal } = options;
  const file = resolve(options.file);
  const dataDir = resolve(options.dataDir);
  await assertTarget(file, dataDir, options.force);
  const major = await readMajor(dataDir);
  const folder = await openDataFolder(options, inUseAdvice(dataDir, major));
  try {
    return await backUp(folder, { ...options, file });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new BundledPostgresError(`The backup was stopped. There is no new file ${file}.`, {
      cause: error,
    });
  } finally {
    await folder.release();
  }
}

async function backUp(folder: LockedDataFolder, options: BackupOptions): Promise<Backup> {
  const { file, force, signal } = options;
  const { dataDir } = folder;
  const found = await stopCleanly(folder, options);
  const cluster = join(dataDir, clusterFolder);
  const content = await readFolder(cluster, { sync: false, signal });
  const manifest: Manifest = {
    ...{ kind: 'firstcome backup', format: formatVersion, firstcome: options.release },
    ...{ createdAt: options.createdAt.toISOString(), platform: ownPlatform },
    ...found,
    bytes: content.files.reduce((sum, { bytes }) => sum + bytes, 0),
    ...content,
  };
  // Another name, so that a kill leaves nothing that looks like a backup.
  const draft = `${file}.${randomUUID()}.incomplete`;
  try {
    await writeArchive(draft, { manifest, dataDir, signal });
    signal.throwIfAborted();
    await assertTarget(file, dataDir, force);
    await rename(draft, file);
    await syncToDisk(dirname(file));
  } catch (error) {
    await rm(draft, { force: true });
    throw toBackupError(error, file);
  }
  return { file, bytes: (await stat(file)).size, manifest };
}

/**
 * Starts the server and stops it: a database that was killed then recovers, and its files are complete without the
 * server. Returns what the manifest says about the server and its tables.
 */
async function stopCleanly(
  folder: LockedDataFolder,
  { readInstallation }: BackupOptions,
): Promise<Installation & Pick<Manifest, 'postgres'>> {
  const postgres = await folder.programVersion();
  const control = join(folder.dataDir, clusterFolder, 'data/global/pg_control');
  for (let attempt = 1; attempt <= startsMax; attempt += 1) {
    const server = await folder.start();
    let installation: Installation;
    try {
      installation = await readInstallation(server.url);
    } finally {
      await server.stop();
    }
    const state = (await readFile(control)).readUInt32LE(stateOffset);
    if (state === shutDown) return { ...installation, postgres };
  }
  throw new BundledPostgresError(
    `PostgreSQL did not stop cleanly in ${folder.dataDir}. Make the backup again when the disk is less busy.`,
  );
}

async function assertTarget(file: string, dataDir: string, force: boolean): Promise<void> {
  if (!relative(dataDir, file).startsWith('..')) {
    throw new BundledPostgresError(
      `${file} is in the data folder. Name a file in another folder, best on another disk.`,
    );
  }
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === false) {
    throw new BundledPostgresError(`${file} is not a file. Name a new file.`);
  }
  if (found === undefined || force) return;
  throw new BundledPostgresError(`${file} exists. Name a new file, or replace it with --force.`);
}

/** The major version of the PostgreSQL that created the database. Rejects when there is no database. */
async function readMajor(dataDir: string): Promise<string> {
  const version = join(dataDir, clusterFolder, 'data/PG_VERSION');
  const text = await readFile(version, 'utf8').catch((error) => {
    throw new BundledPostgresError(
      `There is no database in ${dataDir}. Set DATA_DIR to the folder that the service uses, and run this command as the same user.`,
      { cause: error },
    );
  });
  return text.trim();
}

function inUseAdvice(dataDir: string, major: string): string {
  return (
    'Stop the service, make the backup, and start the service again.\n' +
    `To dump the database while the service runs, use the pg_dump of PostgreSQL ${major} or\n` +
    `later, which is not bundled, with the "url" in ${join(dataDir, 'server.json')}.`
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  chmod,
  lchown,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import {
  BundledPostgresError,
  errorCodeOf,
  toBundledPostgresError,
} from './bundled-postgres-error.ts';
import { explainServerLines } from './server-log.ts';
import { startWatchedProcess } from './watched-process.ts';

/** The role and the database that the service uses. */
export const databaseName = 'firstcome';

const createDatabaseSql = readFileSync(new URL('./create-database.sql', import.meta.url), 'utf8');

// Unfinished files and folders have this prefix, so that a later start recognizes what a kill has left.
const draftPrefix = 'new-';

/** A database cluster on disk. */
export type Cluster = {
  /** PostgreSQL's own data folder. */
  data: string;
  password: string;
  /** `cluster_name` of the server, unique for each folder. Its processes are recognized by it. */
  name: string;
};

/** What opening or creating a cluster needs. */
export type ClusterOptions = {
  dataDir: string;
  binaries: Binaries;
  account: Account;
  version: string;
  major: number;
  signal: AbortSignal;
  say(line: string): void;
};

/** Creates DATA_DIR, closed to other users, if it does not exist. Does not change the mode of an existing folder. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dirname(dataDir), { recursive: true });
    await mkdir(dataDir, { mode: 0o700 });
  } catch (error) {
    const isFolder = await stat(dataDir).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) throw toBundledPostgresError(error, dataDir);
  }
}

/** Opens the cluster, and creates it on first use. Only the process that has locked the data folder may call this. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { dataDir, account } = options;
  await removeDrafts(dataDir);
  const folder = join(dataDir, 'postgres');
  const found = await stat(folder).catch(() => undefined);
  if (!found) await createCluster(options, folder);
  if (account.files) await giveTo(folder, account.files);
  const data = join(folder, 'data');
  await assertVersion(data, options);
  // Copies and restored backups often lose the mode that the server requires.
  await chmod(data, 0o700);
  const password = (await readFile(join(folder, 'password'), 'utf8')).trim();
  const digest = createHash('sha256')
    .update(await realpath(data))
    .digest('hex')
    .slice(0, 12);
  return { data, password, name: `firstcome-${digest}` };
}

async function removeDrafts(dataDir: string): Promise<void> {
  const drafts = (await readdir(dataDir)).filter((name) => name.startsWith(draftPrefix));
  for (const name of drafts) {
    await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Creates the cluster under another name and then renames it, so that a kill leaves a complete one or none. */
async function createCluster(options: ClusterOptions, folder: string): Promise<void> {
  const { dataDir, account, version, say } = options;
  say(`Creating the database with PostgreSQL ${version} (first start only):\n  ${dataDir}`);
  const draft = join(dataDir, `${draftPrefix}${randomUUID()}`);
  await mkdir(draft, { mode: 0o700 });
  try {
    const passwordFile = join(draft, 'password');
    await writeDurably(passwordFile, `${randomBytes(24).toString('base64url')}\n`);
    const statementFile = join(draft, 'create-database.sql');
    await writeDurably(statementFile, createDatabaseSql);
    if (account.files) await giveTo(draft, account.files);
    await runInitdb(options, join(draft, 'data'), passwordFile);
    await createDatabase(options, join(draft, 'data'), statementFile);
    await rm(statementFile);
    await syncToDisk(draft);
    await rename(draft, folder);
    await syncToDisk(dataDir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

async function runInitdb(options: ClusterOptions, data: string, passwordFile: string) {
  await runToEnd(options, [
    options.binaries.initdb,
    ...['-D', data, '-U', databaseName, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
    // The C locale is the same on every system, so an upgrade of the C library cannot corrupt indexes.
    ...['--encoding=UTF8', '--locale=C', '--data-checksums', '--no-instructions'],
  ]);
}

/** Uses the single-user server, which opens no port. The statement is on disk when it ends. */
async function createDatabase(options: ClusterOptions, data: string, statementFile: string) {
  const { postgres } = options.binaries;
  const command = [postgres, '--single', '-D', data, '-c', 'exit_on_error=on', 'postgres'];
  await runToEnd(options, command, statementFile);
}

async function runToEnd(options: ClusterOptions, command: string[], input?: string): Promise<void> {
  const { account, dataDir, signal } = options;
  signal.throwIfAborted();
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  const running = startWatchedProcess({
    command,
    account,
    onLine,
    ...(input ? { input } : {}),
  });
  const end = () => void running.end();
  signal.addEventListener('abort', end);
  const code = await running.exited;
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code !== 0) throw new BundledPostgresError(explainServerLines(lines, dataDir));
}

async function assertVersion(data: string, options: ClusterOptions): Promise<void> {
  const { dataDir, version, major } = options;
  const created = await readFile(join(data, 'PG_VERSION'), 'utf8').catch((error) => {
    if (errorCodeOf(error) !== 'ENOENT') throw toBundledPostgresError(error, data);
    throw new BundledPostgresError(
      `${data} is not a PostgreSQL database: its PG_VERSION is missing. Restore it from a backup, move ${dataDir} away to start with an empty one, or set DATA_DIR to another folder.`,
    );
  });
  if (created.trim() === String(major)) return;
  throw new BundledPostgresError(
    `The database in ${dataDir} was created by PostgreSQL ${created.trim()}, and this is PostgreSQL ${version}, which cannot read it. Copy it to a PostgreSQL of your own with the firstcome release that created it (firstcome copy), or run a PostgreSQL ${created.trim()} on ${data} and set DATABASE_URL to it, or set DATA_DIR to another folder to start with an empty database.`,
  );
}

/** Gives a folder and its contents to an account. The folder itself is last, so an interrupted change is repeated. */
async function giveTo(folder: string, files: { uid: number; gid: number }): Promise<void> {
  const { uid } = await stat(folder);
  if (uid === files.uid) return;
  if (process.getuid?.() !== 0) {
    throw new BundledPostgresError(
      `The database in ${folder} belongs to user ${uid}, and this is user ${files.uid}. Start firstcome as that user, or set DATA_DIR to another folder.`,
    );
  }
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), files.uid, files.gid);
  }
  await lchown(folder, files.uid, files.gid);
}

async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true });
}

/** Waits until the content of a file, or the names in a folder, are on disk. */
export async function syncToDisk(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

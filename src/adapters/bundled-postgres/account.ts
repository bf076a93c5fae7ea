// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { chmod, chown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { BundledPostgresError } from './bundled-postgres-error.ts';
import { childEnvironment } from './child-environment.ts';

const run = promisify(execFile);
const probeMsMax = 10_000;

/** The account that runs PostgreSQL, which refuses to run as root or as a user unknown to the system. */
export type Account = {
  /** Shown in messages. */
  name: string;
  /** User and group of its processes; empty: those of this process. */
  ids: { uid?: number; gid?: number };
  /** Words that go before each command. */
  prefix: string[];
  /** The owner that the files of the cluster must have, as this process sees it; undefined on systems without users. */
  files: { uid: number; gid: number } | undefined;
};

// In a new user namespace the files of this user belong to 65534 (`nobody`), which is not root.
const namespacePrefix = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];

/**
 * Chooses the account that runs PostgreSQL. A normal user runs it itself. Root uses `postgres` (`_postgres` on macOS) or
 * `nobody`, whichever can reach the data folder and the program, and otherwise a user namespace. Undefined when none works.
 */
export async function chooseAccount(
  dataDir: string,
  program: string,
): Promise<Account | undefined> {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  const files = uid === undefined || gid === undefined ? undefined : { uid, gid };
  const itself: Account = { name: 'this user', ids: {}, prefix: [], files };
  if (uid !== 0 && isKnownUser()) return itself;
  if (uid === 0) {
    for (const name of ['postgres', '_postgres', 'nobody']) {
      const ids = await idsOf(name);
      if (ids === undefined) continue;
      const account: Account = { name, ids, prefix: [], files: ids };
      if (await grantAccess(account, ids, { dataDir, program })) return account;
    }
  }
  const inNamespace: Account = { ...itself, name: 'a user namespace', prefix: namespacePrefix };
  return (await canReach(inNamespace, dataDir, program)) ? inNamespace : undefined;
}

/** The error when no account can run PostgreSQL. */
export function noAccountError(dataDir: string): BundledPostgresError {
  const why =
    process.getuid?.() === 0
      ? `PostgreSQL refuses to run as root, and neither the user postgres nor the user nobody can reach the folder ${dataDir}`
      : `PostgreSQL refuses to run as user ${process.getuid?.()}, which has no name on this system`;
  return new BundledPostgresError(
    `${why}; user namespaces (unshare) are not available either. Set DATA_DIR to a folder that any user can reach, such as /var/lib/firstcome, start firstcome as a normal user, or set DATABASE_URL to a PostgreSQL 15 or later.`,
  );
}

type Ids = { uid: number; gid: number };

async function grantAccess(
  account: Account,
  ids: Ids,
  paths: { dataDir: string; program: string },
): Promise<boolean> {
  const { dataDir, program } = paths;
  if (await canReach(account, dataDir, program)) return true;
  // A copy of the program inside the folder is reachable when the folder is.
  const needed = program.startsWith(join(dataDir, '/')) ? '/bin/sh' : program;
  if (!(await canReach(account, dirname(dataDir), needed))) return false;
  // Only a folder that is private to this user is opened for the group: that takes no rights away from others.
  const { uid, mode } = await stat(dataDir);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) return false;
  await chown(dataDir, uid, ids.gid);
  await chmod(dataDir, 0o710);
  return canReach(account, dataDir, program);
}

/** Tries it, because mode bits do not show access lists, mounts and namespaces. */
async function canReach(account: Account, folder: string, program: string): Promise<boolean> {
  const [command = '', ...rest] = [...account.prefix, '/bin/sh'];
  const test = ['-c', 'cd "$0" && test -x "$1"', folder, program];
  const options = { cwd: '/', env: childEnvironment(), timeout: probeMsMax, ...account.ids };
  return run(command, [...rest, ...test], options).then(
    () => true,
    () => false,
  );
}

async function idsOf(name: string): Promise<Ids | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    const ids = { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    // On macOS the user `nobody` has the id 4294967294, with which Node cannot start a process.
    return Math.max(ids.uid, ids.gid) > 0x7fffffff ? undefined : ids;
  } catch {
    return undefined;
  }
}

function isKnownUser(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

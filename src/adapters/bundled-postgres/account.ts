// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { chmod, chown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { BundledPostgresError } from './bundled-postgres-error.ts';
import { childEnvironment } from './supervise.ts';

const run = promisify(execFile);
const probeMsMax = 10_000;

/** Who PostgreSQL runs as: it refuses to run as root, and as a user that the system does not know. */
export type Account = {
  /** For messages. */
  name: string;
  /** Whom to start processes as; empty means as this process. */
  ids: { uid?: number; gid?: number };
  /** Put before each command. */
  prefix: string[];
  /** Whom the files of the cluster must belong to, as seen from here; undefined on systems without users. */
  files: { uid: number; gid: number } | undefined;
};

// A user namespace of its own shows the files of this user as those of 65534 (nobody), which is not root.
const namespacePrefix = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];

/**
 * Chooses who runs PostgreSQL. A normal user: itself. Root: the user `postgres` (`_postgres` on macOS), else `nobody`, if it can reach the
 * data folder and the program; else root in a user namespace. Undefined when none of these can work.
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
      if (await letReach(account, ids, { dataDir, program })) return account;
    }
  }
  const inNamespace: Account = { ...itself, name: 'a user namespace', prefix: namespacePrefix };
  return (await canReach(inNamespace, dataDir, program)) ? inNamespace : undefined;
}

/** What to tell a person when no account can be had. */
export function noAccountError(dataDir: string): BundledPostgresError {
  const why =
    process.getuid?.() === 0
      ? `PostgreSQL refuses to run as root, and neither the user postgres nor nobody can reach the folder ${dataDir}`
      : `PostgreSQL refuses to run as user ${process.getuid?.()}, whom this system does not know by name`;
  return new BundledPostgresError(
    `${why}; user namespaces (unshare) are not available either. Set DATA_DIR to a folder that any user can reach, such as /var/lib/firstcome, start firstcome as a normal user, or set DATABASE_URL to a PostgreSQL 15 or later.`,
  );
}

type Ids = { uid: number; gid: number };

async function letReach(
  account: Account,
  ids: Ids,
  places: { dataDir: string; program: string },
): Promise<boolean> {
  const { dataDir, program } = places;
  if (await canReach(account, dataDir, program)) return true;
  // A copy of the program inside the folder can be reached as soon as the folder can.
  const needed = program.startsWith(join(dataDir, '/')) ? '/bin/sh' : program;
  if (!(await canReach(account, dirname(dataDir), needed))) return false;
  // Nobody else has rights on a folder that is private to us, so opening it for one group takes none away.
  const { uid, mode } = await stat(dataDir);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) return false;
  await chown(dataDir, uid, ids.gid);
  await chmod(dataDir, 0o710);
  return canReach(account, dataDir, program);
}

/** Asks the kernel by trying, because mode bits do not tell of access lists, mounts and namespaces. */
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
    // On macOS nobody is 4294967294, which Node cannot start a process as.
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

// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BundledPostgresError } from './bundled-postgres-error.ts';
import { isSameProcess, processStart } from './processes.ts';

const attemptsMax = 5;
const heartbeatMs = 1_000;
// A process in another container counts as dead when it has not touched its lock file for this time.
const silenceMs = 5_000;

/** The exclusive right of this process to use a data folder. It ends with the process. */
export type DataFolderLock = { release(): Promise<void> };

/** Another living process has locked the folder. */
export class DataFolderLockedError extends BundledPostgresError {
  /** Process id, as it is in the container or host of that process. */
  readonly pid: number;
  /** Whether it runs in another container or on another host. */
  readonly isElsewhere: boolean;

  constructor(pid: number, isElsewhere: boolean) {
    super(`locked by process ${pid}`);
    this.pid = pid;
    this.isElsewhere = isElsewhere;
  }
}

/**
 * Locks the data folder for this process, or throws a `DataFolderLockedError`. Each process first creates its own lock
 * file and then lists the others. Of two processes at least the later one sees the file of the earlier one, so never do
 * both go on. Of those that see each other the first by name keeps its file and lists again. The others remove theirs,
 * wait for a random time, and try again once there is no other file. No process removes the file of a living one.
 */
export async function lockDataFolder(
  dataDir: string,
  say: (line: string) => void,
): Promise<DataFolderLock> {
  // The name on disk must not change: releases that run side by side exclude each other by it.
  const folder = join(dataDir, 'owners');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own: LockHolder = {
    host: await ownHost(),
    pid: process.pid,
    start: (await processStart(process.pid)) ?? 'unknown',
  };
  const name = `${own.host}-${own.pid}-${own.start}-${randomBytes(4).toString('hex')}`;
  const path = join(folder, name);
  let heartbeat: NodeJS.Timeout | undefined;
  const release = async () => {
    clearInterval(heartbeat);
    heartbeat = undefined;
    await rm(path, { force: true });
  };
  try {
    for (let attempt = 1; ; attempt += 1) {
      const search = { folder, name, host: own.host, say: attempt === 1 ? say : () => {} };
      const isCreated = heartbeat !== undefined;
      let others = attempt === 1 || isCreated ? [] : await findOtherHolders(search);
      if (others.length === 0) {
        if (!isCreated) await writeFile(path, '', { mode: 0o600 });
        heartbeat ??= setInterval(() => void touch(path), heartbeatMs).unref();
        others = await findOtherHolders(search);
      }
      const [other] = others;
      if (other === undefined) return { release };
      if (attempt === attemptsMax) {
        throw new DataFolderLockedError(other.pid, other.host !== own.host);
      }
      if (others.some(({ file }) => file < name)) await release();
      await delay(20 + Math.random() * 130);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

/** `host` names the container or host, `start` the process behind the pid. */
type LockHolder = { host: string; pid: number; start: string };
type OtherHolder = LockHolder & { file: string };

/** The living processes that have a lock file. Removes the files of dead ones. */
async function findOtherHolders(options: {
  folder: string;
  name: string;
  host: string;
  say(line: string): void;
}): Promise<OtherHolder[]> {
  const { folder, name, host, say } = options;
  const others = (await readdir(folder)).filter((file) => file !== name).map(readName);
  if (others.some((other) => other.host !== host)) {
    say(
      'The database folder was last used in another container or on another host;\nchecking that it is free.',
    );
  }
  const living = await Promise.all(
    others.map(async (other) => {
      const path = join(folder, other.file);
      const isHere = other.host === host;
      if (isHere ? await isSameProcess(other.pid, other.start) : await hasHeartbeat(path)) {
        return other;
      }
      await rm(path, { force: true });
      return undefined;
    }),
  );
  return living.filter((other) => other !== undefined);
}

function readName(file: string): OtherHolder {
  const [host = '', pid = '', start = ''] = file.split('-');
  return { file, host, pid: Number(pid), start };
}

/** Whether a process in another container touches its lock file. Compares no clocks. */
async function hasHeartbeat(path: string): Promise<boolean> {
  const touched = async () => (await stat(path).catch(() => undefined))?.mtimeMs;
  const before = await touched();
  for (let waitedMs = 0; waitedMs < silenceMs; waitedMs += 100) {
    await delay(100);
    const now = await touched();
    if (now === undefined) return false;
    if (now !== before) return true;
  }
  return false;
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  // After a failure this process seems dead to others, but the server's own lock remains.
  await utimes(path, now, now).catch(() => {});
}

/** Names the host and its process ids: two containers on one volume have different names. */
async function ownHost(): Promise<string> {
  const processIds = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()} ${processIds}`).digest('hex').slice(0, 12);
}

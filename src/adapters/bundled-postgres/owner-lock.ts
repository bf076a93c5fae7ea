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
// How long an owner whose process cannot be seen from here must be silent to count as dead.
const silenceMs = 5_000;

/** The right of this process to use a data folder. Its death releases it. */
export type OwnerLock = { release(): Promise<void> };

/** Another living process owns the folder. */
export class OwnedByAnother extends BundledPostgresError {
  /** Process id of the owner, as it is there. */
  readonly pid: number;
  /** Whether it runs in another container or on another host. */
  readonly isElsewhere: boolean;

  constructor(pid: number, isElsewhere: boolean) {
    super(`owned by process ${pid}`);
    this.pid = pid;
    this.isElsewhere = isElsewhere;
  }
}

/**
 * Takes the data folder for this process, or throws OwnedByAnother. Each candidate first puts down a file of its own
 * and then looks for others; of two candidates at least the later sees the earlier, so never do both go on. Of those
 * that see each other the first by name stays and looks again; all others step back for a random while, and come again
 * only when nobody is there. Nobody removes the file of a living owner.
 */
export async function takeOwnership(
  dataDir: string,
  say: (line: string) => void,
): Promise<OwnerLock> {
  const folder = join(dataDir, 'owners');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own: OwnerName = {
    place: await ownPlace(),
    pid: process.pid,
    start: (await processStart(process.pid)) ?? 'unknown',
  };
  const name = `${own.place}-${own.pid}-${own.start}-${randomBytes(4).toString('hex')}`;
  const path = join(folder, name);
  let heartbeat: NodeJS.Timeout | undefined;
  const release = async () => {
    clearInterval(heartbeat);
    heartbeat = undefined;
    await rm(path, { force: true });
  };
  try {
    for (let attempt = 1; ; attempt += 1) {
      const look = { folder, name, place: own.place, say: attempt === 1 ? say : () => {} };
      const isPut = heartbeat !== undefined;
      let others = attempt === 1 || isPut ? [] : await findOtherOwners(look);
      if (others.length === 0) {
        if (!isPut) await writeFile(path, '', { mode: 0o600 });
        heartbeat ??= setInterval(() => void touch(path), heartbeatMs).unref();
        others = await findOtherOwners(look);
      }
      const [other] = others;
      if (other === undefined) return { release };
      if (attempt === attemptsMax) throw new OwnedByAnother(other.pid, other.place !== own.place);
      if (others.some(({ file }) => file < name)) await release();
      await delay(20 + Math.random() * 130);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

type OwnerName = { place: string; pid: number; start: string };
type OtherOwner = OwnerName & { file: string };

async function findOtherOwners(options: {
  folder: string;
  name: string;
  place: string;
  say(line: string): void;
}): Promise<OtherOwner[]> {
  const { folder, name, place, say } = options;
  const others = (await readdir(folder)).filter((file) => file !== name).map(readName);
  if (others.some((other) => other.place !== place)) {
    say('The database folder was last used in another container or host; making sure it is free.');
  }
  const living = await Promise.all(
    others.map(async (other) => {
      const path = join(folder, other.file);
      const isHere = other.place === place;
      if (isHere ? await isSameProcess(other.pid, other.start) : await isTouchedMeanwhile(path)) {
        return other;
      }
      await rm(path, { force: true });
      return undefined;
    }),
  );
  return living.filter((other) => other !== undefined);
}

function readName(file: string): OtherOwner {
  const [place = '', pid = '', start = ''] = file.split('-');
  return { file, place, pid: Number(pid), start };
}

/** For an owner in another container: a living one touches its file. No clocks are compared. */
async function isTouchedMeanwhile(path: string): Promise<boolean> {
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
  // A failure only makes the owner look silent; the server's own lock is still there.
  await utimes(path, now, now).catch(() => {});
}

/** Names the set of processes whose ids can be compared: two containers on one volume have different ones. */
async function ownPlace(): Promise<string> {
  const processIds = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()} ${processIds}`).digest('hex').slice(0, 12);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { isSameProcess, processStart } from './processes.ts';

const attemptsMax = 5;
const heartbeatMs = 1_000;
// How long an owner whose process cannot be seen from here must be silent to count as dead.
const silenceMs = 5_000;

/** The right of this process to use a data folder. Its death releases it. */
export type OwnerLock = { release(): Promise<void> };

/** Another living process owns the folder. */
export class OwnedByAnother extends EmbeddedPostgresError {
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
 * and then looks for others; of two candidates at least the later sees the earlier, so never do both go on. Two that
 * see each other both step back for a random while. Nobody removes the file of a living owner.
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
  for (let attempt = 1; ; attempt += 1) {
    await writeFile(path, '', { mode: 0o600 });
    const heartbeat = setInterval(() => void touch(path), heartbeatMs).unref();
    const release = async () => {
      clearInterval(heartbeat);
      await rm(path, { force: true });
    };
    try {
      const sayOnce = attempt === 1 ? say : () => {};
      const other = await findOtherOwner({ folder, name, place: own.place, say: sayOnce });
      if (other === undefined) return { release };
      await release();
      if (attempt === attemptsMax) throw new OwnedByAnother(other.pid, other.place !== own.place);
    } catch (error) {
      await release();
      throw error;
    }
    await delay(20 + Math.random() * 130);
  }
}

type OwnerName = { place: string; pid: number; start: string };

async function findOtherOwner(options: {
  folder: string;
  name: string;
  place: string;
  say(line: string): void;
}): Promise<OwnerName | undefined> {
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
  return living.find((other) => other !== undefined);
}

function readName(file: string): OwnerName & { file: string } {
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

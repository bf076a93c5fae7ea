// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of the database's storage: a missing standby, a full disk, a slow disk. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '../../support/wait-for.ts';
import { type FaultRow, SkipRow, type Workshop } from '../fault-row.ts';
import type { TimeSpan } from '../fault-spans.ts';
import { type PostgresServer, signal } from '../postgres-server.ts';
import type { Seen } from '../seen.ts';
import { createSynchronousPair, standbyOf } from '../synchronous-pair.ts';

const run = promisify(execFile);

/** Row 11: the standby that every commit waits for is stopped for a while. */
export const standbyGone: FaultRow = {
  row: 11,
  name: 'synchronous standby gone',
  faultSeconds: 6,
  isFelt: true,
  server: createSynchronousPair,
  async inject(injection) {
    const standby = standbyOf(injection.rig.server);
    await injection.fault('standby stopped', async () => {
      await standby.stop('immediate');
      await injection.pause(injection.chance.between(standbyGoneMsMin, 5000));
      await standby.start();
    });
  },
  check: ({ seen, faults }) => {
    const broken: string[] = [];
    const late = seen.filter(({ outcome }) => outcome === 'timeout').length;
    if (late > 0) broken.push(`${late} requests were not answered in the time that a claim has`);
    for (const { fromMs } of faults) {
      const during = { fromMs: fromMs + standbyStopMs, toMs: fromMs + standbyGoneMsMin };
      const wins = winsWithin(seen, during).length;
      if (wins > 0) broken.push(`${wins} claims were acknowledged without the standby`);
    }
    return broken;
  },
};

const standbyGoneMsMin = 3000;
// The longest time that it takes to stop.
const standbyStopMs = 1000;

const diskMb = 160;

/** Row 12: the database's disk is full. */
export const diskFull: FaultRow = {
  row: 12,
  name: 'disk of the database full',
  faultSeconds: 8,
  isFelt: true,
  async server(workshop) {
    const disk = join(workshop.folder, 'disk');
    await mountSmallDisk(workshop, disk);
    return workshop.createServer('disk/data', { max_wal_size: '16MB', min_wal_size: '2MB' });
  },
  async inject(injection) {
    const { rig, chance, workshop } = injection;
    const filler = join(workshop.folder, 'disk', 'filler');
    await injection.fault('disk full', async () => {
      await fill(filler);
      // First there is no space for data, then none for the write-ahead log. Then PostgreSQL stops.
      await failToStore(rig.server);
      await injection.pause(chance.between(500, 1500));
      await writeUntilFull(rig.server);
      await injection.pause(chance.between(1000, 2000));
      await rm(filler);
      if (!(await rig.server.isRunning())) await rig.server.start();
      await waitFor('a PostgreSQL that accepts connections', () => rig.server.query('select 1'));
    });
  },
};

/** Checks that no table can grow. */
async function failToStore(server: PostgresServer): Promise<void> {
  const table = `create table filler as select repeat('x', 1000) from generate_series(1, 50000)`;
  const isStored = await server.query(table).then(
    () => true,
    () => false,
  );
  if (isStored) throw new Error('there was space on the disk for a table');
}

async function mountSmallDisk({ onEnd }: Workshop, folder: string): Promise<void> {
  await mkdir(folder);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${diskMb}m,mode=755`, 'tmpfs', folder]).catch(
    () => {
      throw new SkipRow('a small disk needs root, who may mount one');
    },
  );
  onEnd(async () => {
    await run('umount', ['--lazy', folder]);
  });
}

/** Makes the write-ahead log need a new segment. A small sale alone fits into the existing ones. */
async function writeUntilFull(server: PostgresServer): Promise<void> {
  const megabyte = `select pg_logical_emit_message(false, 'faults', repeat('x', 1000000))`;
  for (let written = 0; written < diskMb; written += 1) {
    const failed = await server.query(megabyte).then(
      () => false,
      () => true,
    );
    if (failed) return;
  }
  throw new Error('the disk took more than its size');
}

/** Writes a file until the disk is full. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (let piece = Buffer.alloc(2 ** 20); piece.length >= 1; ) {
      try {
        await handle.write(piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        piece = piece.subarray(0, Math.floor(piece.length / 2));
      }
    }
  } finally {
    await handle.close();
  }
}

// A claim cannot be answered before its commit is on the disk.
const shareOfDelayMin = 0.8;

/** Row 13: each flush of the write-ahead log is slow. */
export const diskSlow: FaultRow = {
  row: 13,
  name: 'disk of the database slow',
  faultSeconds: 6,
  isFelt: false,
  async inject(injection) {
    const { rig, chance } = injection;
    const delayMs = Math.round(chance.between(50, 300));
    await injection.fault(`flushes ${delayMs} ms slower`, async () => {
      const tracer = await slowFlushes(await pidsOf(rig.server), delayMs);
      const ended = once(tracer, 'exit');
      await injection.pause(chance.between(3500, 4500));
      if (!tracer.kill('SIGTERM')) throw new Error('strace ended too early');
      await ended;
    });
  },
  check: ({ seen, faults, note }) =>
    faults.flatMap((span) => {
      const delayMs = Number(/\d+/.exec(span.fault)?.[0]);
      const ms = medianOfWins(seen, span);
      note(`${ms.toFixed(0)} ms at flushes of ${delayMs} ms`);
      return ms >= delayMs * shareOfDelayMin
        ? []
        : [`claims took ${ms.toFixed(0)} ms although a flush took ${delayMs} ms more`];
    }),
};

function medianOfWins(seen: readonly Seen[], span: TimeSpan): number {
  const times = winsWithin(seen, span)
    .map(({ begunMs, endMs }) => endMs - begunMs)
    .sort((one, other) => one - other);
  return times[Math.floor(times.length / 2)] ?? 0;
}

/** The claims that were sent and won within a time span. */
function winsWithin(seen: readonly Seen[], { fromMs, toMs }: TimeSpan): Seen[] {
  return seen
    .filter(({ f, outcome }) => f === 'claim' && outcome === 'claimed')
    .filter(({ begunMs, endMs }) => begunMs > fromMs && endMs < toMs);
}

async function pidsOf(server: PostgresServer): Promise<number[]> {
  const postmaster = await server.postmaster();
  const tasks = await readdir(`/proc/${postmaster}/task`);
  const children = await readFile(`/proc/${postmaster}/task/${tasks[0]}/children`, 'utf8');
  return [postmaster, ...children.trim().split(' ').map(Number)];
}

/** Attaches to the server's processes, and to those that it starts from now on. */
async function slowFlushes(pids: readonly number[], delayMs: number): Promise<ChildProcess> {
  const inject = `inject=fdatasync:delay_enter=${delayMs * 1000}`;
  const processes = pids.flatMap((pid) => ['-p', String(pid)]);
  const tracer = spawn('strace', ['-f', '-e', 'trace=fdatasync', '-e', inject, ...processes], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // Emits an error when the program is missing.
  const failed = once(tracer, 'exit').then(
    () => 'failed',
    () => 'failed',
  );
  const attached = waitFor('a tracer', async () => {
    const states = await Promise.all(pids.map((pid) => tracerOf(pid)));
    return states.every((state) => state === tracer.pid || state === undefined);
  });
  const outcome = await Promise.race([attached, failed]).catch((error: unknown) => {
    tracer.kill('SIGTERM');
    throw error;
  });
  if (outcome === 'failed') {
    throw new SkipRow('a slow disk needs strace, and the right to trace other processes');
  }
  tracer.stderr?.resume();
  return tracer;
}

/** The pid of the tracer of a process; undefined when the process has ended. */
async function tracerOf(pid: number): Promise<number | undefined> {
  if (!signal(pid, 0)) return undefined;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const found = /^TracerPid:\s*(\d+)/m.exec(status)?.[1];
  return found === undefined ? undefined : Number(found);
}

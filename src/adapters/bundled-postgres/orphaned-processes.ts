// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BundledPostgresError } from './bundled-postgres-error.ts';
import { exists, findClusterProcesses, isPostmasterOn, signalProcess } from './processes.ts';

const waitMsMax = 30_000;
const cleanStopMs = 10_000;
const pollMs = 50;

/** Which processes count as orphaned. */
export type OrphanOptions = {
  /** PostgreSQL's own data folder. */
  data: string;
  clusterName: string;
  signal: AbortSignal;
  /** Called once, when there is a process to wait for. */
  onWait(): void;
};

/**
 * Ends the processes that an earlier run of this cluster has left, and waits for their end, at most 30 s. Only the process
 * that has locked the data folder may call this: then no other firstcome process supervises them. A server that firstcome
 * has not started is waited for, never signalled. Returns the pid in the server's lock file if it now belongs to another
 * program.
 */
export async function endOrphanedProcesses(options: OrphanOptions): Promise<number | undefined> {
  const { data, clusterName, signal } = options;
  const start = Date.now();
  const interrupted = new Set<number>();
  for (let turn = 1; ; turn += 1) {
    signal.throwIfAborted();
    // A server removes this file when it has ended cleanly.
    const recordedPid = await readRecordedPid(data);
    if (recordedPid === undefined) return undefined;
    const own = await findClusterProcesses(clusterName);
    const isForeign =
      !own.some(({ pid }) => pid === recordedPid) && (await isPostmasterOn(recordedPid, data));
    if (own.length === 0 && !isForeign) return exists(recordedPid) ? recordedPid : undefined;

    const waitedMs = Date.now() - start;
    const pids = isForeign ? [recordedPid] : own.map(({ pid }) => pid);
    if (waitedMs > waitMsMax) throw stillRunningError(data, pids, isForeign);
    if (turn === 1) options.onWait();
    const postmasters = own.filter(({ isPostmaster }) => isPostmaster);
    for (const { pid } of postmasters) {
      if (waitedMs > cleanStopMs)
        signalProcess(pid, waitedMs > 2 * cleanStopMs ? 'SIGKILL' : 'SIGQUIT');
      else if (!interrupted.has(pid)) signalProcess(pid, 'SIGINT');
      interrupted.add(pid);
    }
    // Without a postmaster a busy session goes on until its statement ends. What it has committed is on disk, and no
    // client waits for the rest.
    const signalName = waitedMs > cleanStopMs ? 'SIGKILL' : 'SIGQUIT';
    if (postmasters.length === 0) for (const { pid } of own) signalProcess(pid, signalName);
    await delay(pollMs);
  }
}

async function readRecordedPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

function stillRunningError(data: string, pids: number[], isForeign: boolean): BundledPostgresError {
  return new BundledPostgresError(
    isForeign
      ? `A PostgreSQL that firstcome did not start (process ${pids.join(', ')}) runs on ${data}. Stop it, or set DATA_DIR to another folder.`
      : `The PostgreSQL of an earlier run (process ${pids.join(', ')}) does not end. Kill it with kill -9 ${pids.join(' ')}, or set DATA_DIR to another folder.`,
  );
}

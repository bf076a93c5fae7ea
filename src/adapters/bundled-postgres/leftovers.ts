// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BundledPostgresError } from './bundled-postgres-error.ts';
import { findClusterProcesses, isPostmasterOn, isThere, signalProcess } from './processes.ts';

const waitMsMax = 30_000;
const politeMs = 10_000;
const pollMs = 50;

/** Which processes count as left behind, and who hears of them. */
export type LeftoversOptions = {
  /** PostgreSQL's own data folder. */
  data: string;
  clusterName: string;
  signal: AbortSignal;
  /** Told once, when there is something to wait for. */
  onWait(): void;
};

/**
 * Ends what an earlier run of this cluster has left, and waits until it is gone, 30 s at most. Only the owner of the
 * data folder may call this: then nobody watches over those processes any more. A server that firstcome has not
 * started is waited for, never signalled. Returns the pid in the server's lock file if it is now somebody else's.
 */
export async function endLeftovers(options: LeftoversOptions): Promise<number | undefined> {
  const { data, clusterName, signal } = options;
  const start = Date.now();
  const interrupted = new Set<number>();
  for (let turn = 1; ; turn += 1) {
    signal.throwIfAborted();
    // The server removes this file when it ends cleanly, and then nothing of it is left.
    const recordedPid = await readRecordedPid(data);
    if (recordedPid === undefined) return undefined;
    const ours = await findClusterProcesses(clusterName);
    const isForeign =
      !ours.some(({ pid }) => pid === recordedPid) && (await isPostmasterOn(recordedPid, data));
    if (ours.length === 0 && !isForeign) return isThere(recordedPid) ? recordedPid : undefined;

    const waitedMs = Date.now() - start;
    const pids = isForeign ? [recordedPid] : ours.map(({ pid }) => pid);
    if (waitedMs > waitMsMax) throw stillThereError(data, pids, isForeign);
    if (turn === 1) options.onWait();
    const postmasters = ours.filter(({ isPostmaster }) => isPostmaster);
    for (const { pid } of postmasters) {
      if (waitedMs > politeMs) signalProcess(pid, waitedMs > 2 * politeMs ? 'SIGKILL' : 'SIGQUIT');
      else if (!interrupted.has(pid)) signalProcess(pid, 'SIGINT');
      interrupted.add(pid);
    }
    // Without a postmaster a busy session notices nothing until its statement is done. What it has committed is on
    // disk, and nobody waits for the rest.
    const signalName = waitedMs > politeMs ? 'SIGKILL' : 'SIGQUIT';
    if (postmasters.length === 0) for (const { pid } of ours) signalProcess(pid, signalName);
    await delay(pollMs);
  }
}

async function readRecordedPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

function stillThereError(data: string, pids: number[], isForeign: boolean): BundledPostgresError {
  return new BundledPostgresError(
    isForeign
      ? `A PostgreSQL that firstcome did not start (process ${pids.join(', ')}) runs on ${data}. Stop it, or set DATA_DIR to another folder.`
      : `The PostgreSQL of an earlier run (process ${pids.join(', ')}) does not end. Kill it with kill -9 ${pids.join(' ')}, or set DATA_DIR to another folder.`,
  );
}

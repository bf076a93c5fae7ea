// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BundledPostgresError, errorCodeOf } from './bundled-postgres-error.ts';
import { isSameProcess, processStart } from './processes.ts';

// A crashed server has restarted within this time.
const connectMsMax = 3_000;

/** The content of `DATA_DIR/server.json`, by which other commands find the server. Only its user can read it. */
export type ServerFile = {
  /** Contains the password. */
  url: string;
  /** The firstcome process that runs the server. */
  pid: number;
  /** Distinguishes that process from a later one with the same pid. */
  processStart: string;
  port: number;
  version: string;
  /** ISO 8601. */
  startedAt: string;
};

/** Writes the file for this process. A reader sees the old file or the complete new one. */
export async function writeServerFile(
  dataDir: string,
  server: { url: string; port: number; version: string },
): Promise<void> {
  const content: ServerFile = {
    ...server,
    pid: process.pid,
    processStart: (await processStart(process.pid)) ?? 'unknown',
    startedAt: new Date().toISOString(),
  };
  const draft = join(dataDir, `new-server-${process.pid}.json`);
  await rm(draft, { force: true });
  await writeFile(draft, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, pathIn(dataDir));
}

/** Removes the file, if there is one. */
export async function removeServerFile(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir), { force: true });
}

/** The file of the last process, which may be dead; undefined when there is none that can be read. */
export async function readServerFile(dataDir: string): Promise<ServerFile | undefined> {
  try {
    const file: ServerFile = JSON.parse(await readFile(pathIn(dataDir), 'utf8'));
    return Number.isInteger(file.pid) && Number.isInteger(file.port) ? file : undefined;
  } catch (error) {
    if (errorCodeOf(error) !== 'EACCES') return undefined;
    throw new BundledPostgresError(
      `${pathIn(dataDir)} belongs to another user. Run this command as the user who runs firstcome.`,
      { cause: error },
    );
  }
}

/**
 * The server that another firstcome process runs on this folder. Undefined when that process is gone, or its server has
 * not answered for 3 s.
 */
export async function findRunningServer(
  dataDir: string,
): Promise<{ url: string; pid: number } | undefined> {
  const deadline = Date.now() + connectMsMax;
  do {
    const file = await readServerFile(resolve(dataDir));
    if (!file || !(await isSameProcess(file.pid, file.processStart))) return undefined;
    if (await answers(file.port)) return { url: file.url, pid: file.pid };
    await delay(100);
  } while (Date.now() < deadline);
  return undefined;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolveAnswer) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolveAnswer(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'server.json');
}

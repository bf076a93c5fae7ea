// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The PostgreSQL that comes with firstcome. Finds its programs, creates its database, runs it on 127.0.0.1 as long as
 * this process lives, restarts it when it crashes, and leaves no process behind.
 */
import { join, resolve } from 'node:path';
import { type Account, chooseAccount, noAccountError } from './account.ts';
import {
  type Binaries,
  completeBinaries,
  copyBinaries,
  findBinaries,
  readVersion,
} from './binaries.ts';
import {
  BundledPostgresError,
  type LogEvent,
  toBundledPostgresError,
} from './bundled-postgres-error.ts';
import { databaseName, openCluster, prepareDataDir } from './data-folder.ts';
import { DataFolderLockedError, lockDataFolder } from './data-folder-lock.ts';
import { endOrphanedProcesses } from './orphaned-processes.ts';
import { readServerFile, removeServerFile, writeServerFile } from './server-file.ts';
import { superviseServer } from './server-supervisor.ts';
import { chooseFreePort, type Server, type ServerPlan, startServer } from './start-server.ts';

export { BundledPostgresError } from './bundled-postgres-error.ts';
export { findRunningServer } from './server-file.ts';

// Crash recovery reads at most 2 GB of log, for which a slow disk needs less time.
const startTimeoutMsDefault = 120_000;
const stopMsMax = 2_000;

/** The data folder, the receivers of messages, and what tests replace. */
export type BundledPostgresOptions = {
  /** DATA_DIR: holds the database, its password and the file by which other commands find it. Created if missing. */
  dataDir: string;
  /** Receives short lines for people about steps that take time. */
  say(line: string): void;
  /** Receives the starts and stops of the server, and its own warnings and errors. */
  log(event: LogEvent): void;
  /** Folder with `postgres` and `initdb` of an installed PostgreSQL 15 or later, instead of the bundled one. */
  binDir?: string;
  /** Folder of the bundled package, instead of the one found in node_modules. */
  packageDir?: string;
  /** Further server settings. They override the defaults, but cannot make the server less durable. */
  settings?: Record<string, string>;
  /** Limit from the start of the server until it accepts connections, recovery included; 120 s by default. */
  startTimeoutMs?: number;
  /** Returns the port to try next, instead of a random free one. */
  choosePort?: () => Promise<number>;
  /** Aborts a start that has not finished: it rejects, and leaves nothing running. No effect later. */
  signal?: AbortSignal;
};

/** A running PostgreSQL with the database of the service. */
export type BundledPostgres = {
  /** Contains the password; never changes. */
  url: string;
  port: number;
  /** Absolute path. */
  dataDir: string;
  /** Such as 18.4. */
  version: string;
  /** Whether the server accepts connections; false while it restarts after a crash. */
  alive(): boolean;
  /** Stops the server: cleanly within 4 s, otherwise by force. Does not reject when the server is gone; may be called again. */
  stop(): Promise<void>;
};

/** A data folder that this process has locked. No server runs on it until `start`. */
export type LockedDataFolder = {
  /** Absolute path. */
  dataDir: string;
  /** The version of the programs that would run on it. */
  programVersion(): Promise<{ version: string; major: number }>;
  /** Starts the server. Its `stop` keeps the lock. */
  start(): Promise<BundledPostgres>;
  release(): Promise<void>;
};

const stopOrMove = 'Stop that process, or set DATA_DIR to another folder for this one.';

/**
 * Starts the bundled PostgreSQL on a data folder that no other process uses. When it fails, it rejects with a
 * `BundledPostgresError` and leaves no process behind.
 */
export async function startBundledPostgres(
  options: BundledPostgresOptions,
): Promise<BundledPostgres> {
  const folder = await openDataFolder(options);
  try {
    const server = await folder.start();
    return { ...server, stop: () => server.stop().then(folder.release) };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

/**
 * Locks a data folder, which it creates if it does not exist. Rejects with a `BundledPostgresError`, which ends with
 * `inUseAdvice` when another process uses the folder.
 */
export async function openDataFolder(
  options: BundledPostgresOptions,
  inUseAdvice = stopOrMove,
): Promise<LockedDataFolder> {
  const dataDir = resolve(options.dataDir);
  const signal = options.signal ?? new AbortController().signal;
  const throwExplained = (error: unknown): never => {
    if (!signal.aborted) throw toBundledPostgresError(error, dataDir);
    throw new BundledPostgresError('The start of PostgreSQL was stopped before it finished.', {
      cause: error,
    });
  };
  try {
    signal.throwIfAborted();
    const found = findBinaries(options);
    await prepareDataDir(dataDir);
    const lock = await lockDataFolder(dataDir, options.say);
    const locked = { ...options, dataDir, signal };
    return {
      dataDir,
      async programVersion() {
        const { binaries, account } = await chooseProgramAndAccount(found, locked);
        return await readVersion(binaries, account);
      },
      start: () => startLocked(locked, found).catch(throwExplained),
      release: lock.release,
    };
  } catch (error) {
    if (error instanceof DataFolderLockedError) throw await inUseError(dataDir, error, inUseAdvice);
    return throwExplained(error);
  }
}

type LockedOptions = BundledPostgresOptions & { signal: AbortSignal };

/** Starts the server on a data folder that this process has locked. */
async function startLocked(options: LockedOptions, found: Binaries): Promise<BundledPostgres> {
  const { dataDir, say, log, signal } = options;
  const { binaries, account } = await chooseProgramAndAccount(found, options);
  const { version, major } = await readVersion(binaries, account);
  const cluster = await openCluster({ dataDir, binaries, account, version, major, signal, say });
  const plan: ServerPlan = {
    ...{ dataDir, cluster, binaries, account, major, say, log },
    settings: options.settings ?? {},
    choosePort: options.choosePort ?? chooseFreePort,
    startTimeoutMs: options.startTimeoutMs ?? startTimeoutMsDefault,
  };
  const server = await startServer(plan, { signal });
  const { port } = server;
  const url = `postgresql://${databaseName}:${cluster.password}@127.0.0.1:${port}/${databaseName}`;
  await writeServerFile(dataDir, { url, port, version }).catch(async (error) => {
    await server.end();
    throw error;
  });
  log({ level: 'info', message: 'PostgreSQL started', version, port, account: account.name });

  const supervised = superviseServer({
    server,
    log,
    restart: (stopSignal): Promise<Server> => startServer(plan, { port, signal: stopSignal }),
  });
  const stopOnce = async () => {
    await supervised.stop();
    // Only a stop by force leaves processes. The next start would end them too.
    await endOrphanedProcesses({
      data: cluster.data,
      clusterName: cluster.name,
      onWait: () => {},
      signal: AbortSignal.timeout(stopMsMax),
    }).catch((error) =>
      log({ level: 'warn', message: 'PostgreSQL left processes behind', reason: String(error) }),
    );
    await removeServerFile(dataDir);
    log({ level: 'info', message: 'PostgreSQL stopped' });
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopOnce();
    return stopped;
  };
  return { url, port, dataDir, version, alive: supervised.alive, stop };
}

async function chooseProgramAndAccount(
  found: Binaries,
  options: LockedOptions,
): Promise<{ binaries: Binaries; account: Account }> {
  const { dataDir, say } = options;
  let binaries = await completeBinaries(found, dataDir, say);
  let account = await chooseAccount(dataDir, binaries.postgres);
  const isCopied = binaries.postgres.startsWith(join(dataDir, '/'));
  if (!account && binaries.nativeDir !== undefined && !isCopied) {
    // No account can reach some folders of packages, such as one in the home of root.
    binaries = await copyBinaries(binaries.nativeDir, dataDir, say);
    account = await chooseAccount(dataDir, binaries.postgres);
  }
  if (!account) throw noAccountError(dataDir);
  return { binaries, account };
}

async function inUseError(
  dataDir: string,
  holder: DataFolderLockedError,
  advice: string,
): Promise<BundledPostgresError> {
  const server = await readServerFile(dataDir).catch(() => undefined);
  const location = holder.isElsewhere ? ' in another container or on another host' : '';
  const address = server?.pid === holder.pid ? `; its database is at 127.0.0.1:${server.port}` : '';
  return new BundledPostgresError(
    `The data folder ${dataDir} is in use by process ${holder.pid}${location}${address}. ${advice}`,
  );
}

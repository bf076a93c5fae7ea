// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The PostgreSQL that comes with firstcome, for those who have none: finds its programs, creates its database, runs it
 * on 127.0.0.1 for as long as this process lives, starts it again if it dies, and leaves nothing running behind.
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
import { keepRunning } from './keep-running.ts';
import { endLeftovers } from './leftovers.ts';
import { OwnedByAnother, takeOwnership } from './owner-lock.ts';
import { readServerFile, removeServerFile, writeServerFile } from './server-file.ts';
import { chooseFreePort, type Server, type ServerPlan, startServer } from './start-server.ts';

export { BundledPostgresError } from './bundled-postgres-error.ts';
export { findRunningServer } from './server-file.ts';

// A recovery after power was lost reads 2 GB of log at most, which a slow disk does in less.
const startTimeoutMsDefault = 120_000;
const stopMsMax = 2_000;

/** Where the data lies, and who hears of what happens. */
export type BundledPostgresOptions = {
  /** DATA_DIR: the database, its password and what other commands need to find it. Created if missing. */
  dataDir: string;
  /** Told in a short line, for a person, what takes time or is noteworthy. */
  say(line: string): void;
  /** Told what happens to the server, and its own warnings and errors. */
  log(event: LogEvent): void;
  /** Folder with `postgres` and `initdb` of an installed PostgreSQL 15 or later, instead of the bundled one. */
  binDir?: string;
  /** Folder of the bundled package, instead of the one found in node_modules. */
  packageDir?: string;
  /** Further server settings. They win over the launcher's own, but cannot make the server less durable. */
  settings?: Record<string, string>;
  /** From the start of the server until it accepts connections, recovery included; 120 s by default. */
  startTimeoutMs?: number;
  /** Chooses the port to try next, instead of a random free one. */
  choosePort?: () => Promise<number>;
  /** Disposers a start that has not finished: it rejects, and nothing is left. No effect later. */
  signal?: AbortSignal;
};

/** A running PostgreSQL with an empty or an existing database for the service. */
export type BundledPostgres = {
  /** Address with password; the same for the whole life of this object. */
  url: string;
  port: number;
  /** Absolute path. */
  dataDir: string;
  /** Such as 18.4. */
  version: string;
  /** Whether the server accepts connections; false while it is started again after it died. */
  alive(): boolean;
  /** Ends the server: cleanly within 4 s, else by force. Never rejects for a server that is gone; may be called again. */
  stop(): Promise<void>;
};

/**
 * Starts the bundled PostgreSQL on a data folder that no other process uses. Rejects with an BundledPostgresError that
 * says what is wrong and what to do, and then leaves no process behind.
 */
export async function startBundledPostgres(
  options: BundledPostgresOptions,
): Promise<BundledPostgres> {
  const dataDir = resolve(options.dataDir);
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    const binaries = findBinaries(options);
    await prepareDataDir(dataDir);
    const lock = await takeOwnership(dataDir, options.say);
    try {
      return await startOwned({ ...options, dataDir, signal }, binaries, lock.release);
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    if (error instanceof OwnedByAnother) throw await inUseError(dataDir, error);
    if (!signal.aborted) throw toBundledPostgresError(error, dataDir);
    throw new BundledPostgresError('The start of PostgreSQL was stopped before it had finished.', {
      cause: error,
    });
  }
}

type OwnedOptions = BundledPostgresOptions & { signal: AbortSignal };

async function startOwned(
  options: OwnedOptions,
  found: Binaries,
  release: () => Promise<void>,
): Promise<BundledPostgres> {
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

  const kept = keepRunning({
    server,
    log,
    restart: (stopSignal): Promise<Server> => startServer(plan, { port, signal: stopSignal }),
  });
  const stopOnce = async () => {
    await kept.stop();
    // Only after a stop by force is there anything left; the next start would wait for it as well.
    const leftovers = { data: cluster.data, clusterName: cluster.name, onWait: () => {} };
    await endLeftovers({ ...leftovers, signal: AbortSignal.timeout(stopMsMax) }).catch((error) =>
      log({ level: 'warn', message: 'PostgreSQL left processes behind', reason: String(error) }),
    );
    await removeServerFile(dataDir);
    await release();
    log({ level: 'info', message: 'PostgreSQL stopped' });
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopOnce();
    return stopped;
  };
  return { url, port, dataDir, version, alive: kept.alive, stop };
}

async function chooseProgramAndAccount(
  found: Binaries,
  options: OwnedOptions,
): Promise<{ binaries: Binaries; account: Account }> {
  const { dataDir, say } = options;
  let binaries = await completeBinaries(found, dataDir, say);
  let account = await chooseAccount(dataDir, binaries.postgres);
  const isCopied = binaries.postgres.startsWith(join(dataDir, '/'));
  if (!account && binaries.nativeDir !== undefined && !isCopied) {
    // The folder of the package may be closed to every account that can be had, such as below /root.
    binaries = await copyBinaries(binaries.nativeDir, dataDir, say);
    account = await chooseAccount(dataDir, binaries.postgres);
  }
  if (!account) throw noAccountError(dataDir);
  return { binaries, account };
}

async function inUseError(dataDir: string, owner: OwnedByAnother): Promise<BundledPostgresError> {
  const server = await readServerFile(dataDir).catch(() => undefined);
  const place = owner.isElsewhere ? ' in another container or on another host' : '';
  const address = server?.pid === owner.pid ? `, its database is at 127.0.0.1:${server.port}` : '';
  return new BundledPostgresError(
    `The data folder ${dataDir} is in use by process ${owner.pid}${place}${address}. Stop that process, or set DATA_DIR to another folder for this one.`,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** A real PostgreSQL server for injected faults, controlled by its own `pg_ctl`. */
import { execFile, spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Account, chooseAccount } from '../../src/adapters/bundled-postgres/account.ts';
import { completeBinaries, findBinaries } from '../../src/adapters/bundled-postgres/binaries.ts';
import { freePort } from '../support/free-port.ts';

const run = promisify(execFile);
const controlMsMax = 60_000;
// A port without a server refuses a connection at once.
const connectMsMax = 10_000;

// What the suite depends on. All else is PostgreSQL's default, so a killed backend restarts the whole server.
const baseSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '64MB',
  jit: 'off',
  wal_compression: 'off',
  log_min_error_statement: 'panic',
  lc_messages: 'C',
  timezone: 'UTC',
};

/** How a server is stopped: `immediate` is a crash, `fast` ends its sessions in order. */
export type StopMode = 'immediate' | 'fast';

/** The programs and the account that runs them; chosen once for all servers of the suite. */
export type Installation = { binDir: string; account: Account };

/** Finds the bundled programs and an account that may run them in the folder. Throws when there is none. */
export async function findInstallation(folder: string): Promise<Installation> {
  await chmod(folder, 0o755);
  const binaries = await completeBinaries(findBinaries({}), folder, () => undefined);
  const account = await chooseAccount(folder, binaries.postgres);
  if (account === undefined) throw new Error(`no account may run PostgreSQL in ${folder}`);
  return { binDir: dirname(binaries.postgres), account };
}

/** One database cluster. It keeps its port over restarts. */
export class PostgresServer {
  readonly data: string;
  readonly port: number;
  private readonly installation: Installation;
  private readonly settings: Record<string, string>;

  private constructor(
    installation: Installation,
    place: { data: string; port: number },
    settings: Record<string, string>,
  ) {
    this.installation = installation;
    this.data = place.data;
    this.port = place.port;
    this.settings = { ...baseSettings, port: String(place.port), ...settings };
  }

  /** Creates a cluster in a new folder and starts it. */
  static async create(
    installation: Installation,
    data: string,
    settings: Record<string, string> = {},
  ): Promise<PostgresServer> {
    const server = new PostgresServer(installation, { data, port: await freePort() }, settings);
    await server.makeFolder();
    const options = ['--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8'];
    await server.runProgram('initdb', [
      ...['-D', data, ...options, '--locale=C.UTF-8'],
      '--wal-segsize=1',
    ]);
    await server.start();
    return server;
  }

  /** Creates a standby from the files of this server, which stops meanwhile. Both run afterwards. */
  async createStandby(data: string, name: string): Promise<PostgresServer> {
    const { max_connections = '60' } = this.settings;
    const standby = new PostgresServer(
      this.installation,
      { data, port: await freePort() },
      {
        max_connections,
        primary_conninfo: `host=127.0.0.1 port=${this.port} user=postgres application_name=${name}`,
      },
    );
    await this.copyTo(standby);
    await writeFile(join(data, 'standby.signal'), '');
    await standby.start();
    return standby;
  }

  /** Replaces the files of a server that does not run with those of this one, which stops meanwhile. */
  async copyTo(other: PostgresServer): Promise<void> {
    await this.stop('fast');
    await rm(other.data, { recursive: true, force: true });
    await other.makeFolder();
    await cp(this.data, other.data, { recursive: true, preserveTimestamps: true });
    await run('chown', ['-R', other.owner(), other.data]).catch(() => undefined);
    await this.start();
  }

  /**
   * Makes a base backup while this server runs. Resolves to the server that is restored from it, once that is started: it has
   * the same identifier, and follows nobody. Needs the client programs of PostgreSQL.
   */
  async backUp(data: string): Promise<PostgresServer> {
    const { max_connections = '60' } = this.settings;
    const place = { data, port: await freePort() };
    const restored = new PostgresServer(this.installation, place, { max_connections });
    await restored.makeFolder();
    await this.runProgram('pg_basebackup', [
      ...['-h', '127.0.0.1', '-p', String(this.port), '-U', 'postgres'],
      ...['-D', data, '--checkpoint=fast', '--no-sync'],
    ]);
    return restored;
  }

  /** Promotes this standby, and waits until it takes writes. */
  async promote(): Promise<void> {
    await this.runProgram('pg_ctl', ['promote', '-w', '-s', '-D', this.data]);
  }

  /** Makes this stopped server a standby of another server from its next start on. */
  async follow(primary: PostgresServer): Promise<void> {
    this.settings.primary_conninfo = `host=127.0.0.1 port=${primary.port} user=postgres`;
    await writeFile(join(this.data, 'standby.signal'), '');
  }

  /** Starts it and waits until it accepts connections. */
  async start(): Promise<void> {
    const settings = Object.entries(this.settings).map(([name, value]) => `-c ${name}='${value}'`);
    const log = `${this.data}.log`;
    await this.runProgram('pg_ctl', [
      ...['start', '-w', '-s', '-D', this.data, '-l', log, '-o', settings.join(' ')],
    ]);
  }

  /** Stops it and waits for the end. Rejects when it does not run. */
  async stop(mode: StopMode): Promise<void> {
    await this.runProgram('pg_ctl', ['stop', '-w', '-s', '-D', this.data, '-m', mode]);
  }

  /** Ends it in whatever state it is, at the end of a run. */
  async remove(): Promise<void> {
    for (const backend of await this.backends().catch(() => [])) signal(backend.pid, 'SIGCONT');
    await this.stop('immediate').catch(() => undefined);
  }

  /** Whether it runs, ready or not. */
  async isRunning(): Promise<boolean> {
    return this.runProgram('pg_ctl', ['status', '-s', '-D', this.data]).then(
      () => true,
      () => false,
    );
  }

  /** The pid of the server's main process. */
  async postmaster(): Promise<number> {
    return Number((await readFile(join(this.data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  }

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs one statement on a new connection and returns its rows. */
  async query<Row extends pg.QueryResultRow>(
    sql: string,
    options: { database?: string; values?: unknown[] } = {},
  ): Promise<Row[]> {
    const client = new pg.Client({
      connectionString: this.url(options.database),
      connectionTimeoutMillis: connectMsMax,
      application_name: 'faults',
      options: '-c search_path=firstcome,public',
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql, options.values)).rows;
    } finally {
      await client.end();
    }
  }

  /** The sessions of services: active ones first, by the age of their transactions. */
  async backends(): Promise<{ pid: number; isLocking: boolean }[]> {
    return this.query(`
      select pid, coalesce(wait_event_type = 'Lock', false) as "isLocking" from pg_stat_activity
      where backend_type = 'client backend' and application_name not in ('faults')
        and datname is not null and datname <> 'postgres'
      order by state = 'active' desc, xact_start`);
  }

  private async makeFolder(): Promise<void> {
    await mkdir(this.data, { recursive: true, mode: 0o700 });
    const { files } = this.installation.account;
    if (files !== undefined) await chown(this.data, files.uid, files.gid);
    const log = `${this.data}.log`;
    await writeFile(log, '', { flag: 'a' });
    if (files !== undefined) await chown(log, files.uid, files.gid);
  }

  private owner(): string {
    const { files } = this.installation.account;
    return files === undefined ? '' : `${files.uid}:${files.gid}`;
  }

  private runProgram(name: string, args: string[]): Promise<void> {
    const { account, binDir } = this.installation;
    const [command = '', ...rest] = [...account.prefix, join(binDir, name), ...args];
    // With a pipe as its output, the program would not close before the server ends.
    const child = spawn(command, rest, {
      ...{ cwd: '/', stdio: 'ignore', timeout: controlMsMax, ...account.ids },
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`${name} ended with ${code}; see ${this.data}.log`));
      });
    });
  }
}

/** Sends a signal to a process and returns whether the process exists. Signal 0 only checks. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

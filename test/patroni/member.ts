// SPDX-License-Identifier: GPL-3.0-or-later
/** One PostgreSQL server with its Patroni, as processes of this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { serverPids, signalIfExists } from '../support/server-processes.ts';
import type { PatroniPrograms } from './programs.ts';

/** The configuration of each server: that of the compose files. */
export const patroniFile = join(import.meta.dirname, '../../deploy/patroni/patroni.yml');

/** The password of every role. */
export const password = 'secret';

/** A server and its processes. */
export class Member {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  private readonly folder: string;
  private readonly data: string;
  private readonly etcdPort: number;
  private readonly programs: PatroniPrograms;
  private patroni: ChildProcess | undefined;

  private constructor(
    place: { name: string; folder: string; port: number; restPort: number; etcdPort: number },
    programs: PatroniPrograms,
  ) {
    this.name = place.name;
    this.folder = place.folder;
    this.data = join(place.folder, 'data');
    this.port = place.port;
    this.restPort = place.restPort;
    this.etcdPort = place.etcdPort;
    this.programs = programs;
  }

  /** Makes a folder for a server below `parent`. Nothing runs yet. */
  static async prepare(
    name: string,
    parent: string,
    etcdPort: number,
    programs: PatroniPrograms,
  ): Promise<Member> {
    const folder = join(parent, name);
    makeFolder(folder, programs);
    const ports = { port: await chooseFreePort(), restPort: await chooseFreePort() };
    return new Member({ name, folder, etcdPort, ...ports }, programs);
  }

  /** Starts Patroni, which starts PostgreSQL. */
  start(): void {
    const env = patroniEnvironment({
      ...{ name: this.name, host: '127.0.0.1', port: this.port, restPort: this.restPort },
      ...{ data: this.data, pgpass: join(this.folder, 'pgpass') },
      ...{ binDir: this.programs.postgresBinDir, etcd: `127.0.0.1:${this.etcdPort}` },
    });
    this.patroni = launch('patroni', [patroniFile], this.folder, this.programs, env);
  }

  /** Kills PostgreSQL with all its processes. Its Patroni runs on. */
  killPostgres(): void {
    for (const pid of this.postgresPids()) signalIfExists(pid, 'SIGKILL');
  }

  /** Kills Patroni and PostgreSQL, as a power failure would. */
  kill(): void {
    const pids = [this.patroni?.pid, ...this.postgresPids()];
    for (const pid of pids) if (pid !== undefined) signalIfExists(pid, 'SIGKILL');
    this.patroni = undefined;
  }

  /** Suspends Patroni and PostgreSQL; their connections stay open. Returns what resumes them. */
  freeze(): () => void {
    const frozen = new Set<number>();
    const suspend = (pid: number) => {
      signalIfExists(pid, 'SIGSTOP');
      frozen.add(pid);
    };
    if (this.patroni?.pid !== undefined) suspend(this.patroni.pid);
    // The first one starts the others, and starts none once it is suspended.
    const [postmaster] = this.postgresPids();
    if (postmaster !== undefined) suspend(postmaster);
    for (const pid of this.postgresPids()) suspend(pid);
    return () => {
      for (const pid of frozen) signalIfExists(pid, 'SIGCONT');
    };
  }

  private postgresPids(): number[] {
    try {
      const pid = Number.parseInt(readFileSync(join(this.data, 'postmaster.pid'), 'utf8'), 10);
      return [pid, ...serverPids(this.data).filter((each) => each !== pid)];
    } catch {
      return serverPids(this.data);
    }
  }
}

/** What `deploy/patroni/patroni.yml` leaves open. */
export function patroniEnvironment(place: {
  name: string;
  host: string;
  port: number;
  restPort: number;
  data: string;
  pgpass: string;
  binDir: string;
  /** Host and port. */
  etcd: string;
}): Record<string, string> {
  const [rest, postgres] = [`${place.host}:${place.restPort}`, `${place.host}:${place.port}`];
  return {
    PATRONI_NAME: place.name,
    PATRONI_RESTAPI_LISTEN: rest,
    PATRONI_RESTAPI_CONNECT_ADDRESS: rest,
    PATRONI_POSTGRESQL_LISTEN: postgres,
    PATRONI_POSTGRESQL_CONNECT_ADDRESS: postgres,
    PATRONI_POSTGRESQL_DATA_DIR: place.data,
    PATRONI_POSTGRESQL_BIN_DIR: place.binDir,
    PATRONI_POSTGRESQL_PGPASS: place.pgpass,
    PATRONI_ETCD_HOST: place.etcd,
    PATRONI_SUPERUSER_PASSWORD: password,
    PATRONI_REPLICATION_PASSWORD: password,
    PATRONI_firstcome_PASSWORD: password,
  };
}

/** Makes a folder that the account of the servers owns. */
export function makeFolder(folder: string, { account }: PatroniPrograms): void {
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, account.uid, account.gid);
}

/** Starts a server under its account in a folder, with a log beside the folder. */
export function launch(
  command: string,
  args: string[],
  folder: string,
  { account }: PatroniPrograms,
  env: Record<string, string> = {},
): ChildProcess {
  const output = openSync(`${folder}.log`, 'a');
  const child = spawn(command, args, {
    ...{ cwd: folder, detached: true, ...account },
    env: { PATH: process.env.PATH ?? '', HOME: folder, LC_ALL: 'C.UTF-8', ...env },
    stdio: ['ignore', output, output],
  });
  child.on('error', () => undefined);
  closeSync(output);
  return child;
}

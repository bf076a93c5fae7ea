// SPDX-License-Identifier: GPL-3.0-or-later
/** Three PostgreSQL servers under Patroni, with an etcd, on free ports of this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { isAlive, serverPids, signalIfExists } from '../support/server-processes.ts';
import { waitFor } from '../support/wait-for.ts';
import type { PatroniPrograms } from './programs.ts';

/** A server with its Patroni. */
export type Member = {
  name: string;
  port: number;
  restPort: number;
  folder: string;
  data: string;
  patroni: ChildProcess | undefined;
};

/** Whether a commit waits for a standby. In strict mode it also waits while there is none. */
export type ReplicationMode = 'synchronous' | 'asynchronous';

// The least that Patroni takes, besides `ttl`, which it also has no less than 20 of.
const times = { ttl: 20, loop_wait: 2, retry_timeout: 3 };
const role = 'firstcome';
const startMsMax = 120_000;
const changeMsMax = 120_000;

/** The cluster. `start` creates it, `stop` removes its processes. */
export class PatroniCluster {
  readonly members: Member[] = [];
  private readonly folder: string;
  private readonly programs: PatroniPrograms;
  private readonly mode: ReplicationMode;
  private etcd: ChildProcess | undefined;
  private etcdPort = 0;

  private constructor(folder: string, programs: PatroniPrograms, mode: ReplicationMode) {
    this.folder = folder;
    this.programs = programs;
    this.mode = mode;
  }

  /** Starts all servers in a folder, and creates a role that is no superuser. */
  static async start(
    folder: string,
    programs: PatroniPrograms,
    mode: ReplicationMode,
  ): Promise<PatroniCluster> {
    const cluster = new PatroniCluster(folder, programs, mode);
    chownSync(folder, programs.account.uid, programs.account.gid);
    await cluster.startEtcd();
    for (const name of ['one', 'two', 'three']) {
      const member: Member = {
        ...{ name, port: await chooseFreePort(), restPort: await chooseFreePort() },
        ...{ folder: join(folder, name), data: join(folder, name, 'data'), patroni: undefined },
      };
      cluster.members.push(member);
      cluster.makeFolder(member.folder);
      writeFileSync(cluster.configurationOf(member), JSON.stringify(cluster.settingsOf(member)));
      cluster.startPatroni(member);
      // The first one creates the cluster, the others copy it.
      if (name === 'one') await cluster.primary();
    }
    await cluster.untilComplete();
    await cluster.query(await cluster.primary(), `create role ${role} login password 'secret'`);
    return cluster;
  }

  /** Creates a database for a service. */
  async createDatabase(name: string): Promise<void> {
    await this.query(await this.primary(), `create database ${name} owner ${role}`);
  }

  /** The URL of a database: all servers. */
  urlOf(database: string): string {
    const servers = this.members.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `postgres://${role}:secret@${servers}/${database}?target_session_attrs=read-write`;
  }

  /** The member that Patroni shows as the primary, once there is one. */
  async primary(): Promise<Member> {
    return waitFor('a primary', () => this.answering('primary'), { timeoutMs: startMsMax });
  }

  /** The member whose confirmation each commit needs, once there is one. */
  async synchronousStandby(): Promise<Member> {
    return waitFor('a synchronous standby', () => this.answering('synchronous'), {
      timeoutMs: startMsMax,
    });
  }

  /** Waits until there is a primary that all others follow. */
  async untilComplete(): Promise<void> {
    const waited = { timeoutMs: changeMsMax };
    try {
      await waitFor('three servers', async () => (await this.streaming()) >= 2, waited);
      if (this.mode === 'synchronous') await this.synchronousStandby();
    } catch (error) {
      throw new Error(`${(error as Error).message}:\n${await this.states()}`, { cause: error });
    }
  }

  /** Runs one statement as a superuser. */
  async query<Row extends pg.QueryResultRow>(member: Member, sql: string): Promise<Row[]> {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port: member.port, user: 'postgres', database: 'postgres' },
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Makes another server the primary, as an operator does, and waits until it is. */
  async switchOver(): Promise<void> {
    const old = await this.primary();
    const [candidate] =
      this.mode === 'synchronous'
        ? [await this.synchronousStandby()]
        : this.members.filter((member) => member !== old);
    const answer = await fetch(`http://127.0.0.1:${old.restPort}/switchover`, {
      method: 'POST',
      body: JSON.stringify({ leader: old.name, candidate: candidate?.name }),
    });
    if (!answer.ok) throw new Error(`no switchover: ${await answer.text()}`);
    await this.untilReplaced(old);
  }

  /** Kills PostgreSQL with all its processes. Its Patroni runs on. */
  killPostgres(member: Member): void {
    for (const pid of this.postgresPids(member)) signalIfExists(pid, 'SIGKILL');
  }

  /** Kills Patroni and PostgreSQL, as a power failure would. */
  killMember(member: Member): void {
    const pids = [member.patroni?.pid, ...this.postgresPids(member)];
    for (const pid of pids) if (pid !== undefined) signalIfExists(pid, 'SIGKILL');
    member.patroni = undefined;
  }

  /** Waits until another member is the primary. */
  async untilReplaced(old: Member): Promise<void> {
    const isReplaced = async () => (await this.answering('primary', old)) !== undefined;
    await waitFor('another primary', isReplaced, { timeoutMs: changeMsMax });
  }

  /** Starts the Patroni of a killed member again. */
  startPatroni(member: Member): void {
    member.patroni = this.launch('patroni', [this.configurationOf(member)], `${member.folder}.log`);
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    for (const member of this.members) this.killMember(member);
    this.etcd?.kill('SIGKILL');
    await waitFor('end of the cluster', () => !serverPids(this.folder).some(isAlive));
  }

  /** What each Patroni shows of its server. */
  private async states(): Promise<string> {
    const states = this.members.map(async ({ name, restPort }) => {
      const answer = await fetch(`http://127.0.0.1:${restPort}/patroni`, {
        signal: AbortSignal.timeout(2_000),
      }).then(
        (response) => response.text(),
        (error: Error) => error.message,
      );
      return `${name}: ${answer}`;
    });
    return (await Promise.all(states)).join('\n');
  }

  private async answering(what: 'primary' | 'synchronous', not?: Member) {
    for (const member of this.members) {
      if (member === not) continue;
      const answer = await fetch(`http://127.0.0.1:${member.restPort}/${what}`, {
        signal: AbortSignal.timeout(2_000),
      }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      if (answer?.status === 200) return member;
    }
    return undefined;
  }

  private async streaming(): Promise<number> {
    const primary = await this.answering('primary');
    if (primary === undefined) return 0;
    const rows = await this.query(
      primary,
      `select from pg_stat_replication where state = 'streaming'`,
    ).catch(() => []);
    return rows.length;
  }

  private postgresPids({ data }: Member): number[] {
    try {
      const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10);
      return [pid, ...serverPids(data).filter((each) => each !== pid)];
    } catch {
      return serverPids(data);
    }
  }

  private configurationOf({ folder }: Pick<Member, 'folder'>): string {
    return `${folder}.yml`;
  }

  private async startEtcd(): Promise<void> {
    this.etcdPort = await chooseFreePort();
    const peer = `http://127.0.0.1:${await chooseFreePort()}`;
    const client = `http://127.0.0.1:${this.etcdPort}`;
    const data = join(this.folder, 'etcd');
    this.makeFolder(data);
    this.etcd = this.launch(
      'etcd',
      [
        ...['--data-dir', data, '--name', 'etcd', '--unsafe-no-fsync'],
        '--enable-v2',
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `etcd=${peer}`],
      ],
      `${data}.log`,
    );
    await waitFor('etcd', async () => (await fetch(`${client}/health`)).ok);
  }

  private makeFolder(folder: string): void {
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, this.programs.account.uid, this.programs.account.gid);
  }

  private launch(command: string, args: string[], log: string): ChildProcess {
    const output = openSync(log, 'a');
    const child = spawn(command, args, {
      ...{ cwd: this.folder, detached: true, ...this.programs.account },
      env: { PATH: process.env.PATH ?? '', HOME: this.folder, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', output, output],
    });
    child.on('error', () => undefined);
    return child;
  }

  private settingsOf({ name, port, restPort, data, folder }: Member) {
    const isSynchronous = this.mode === 'synchronous';
    return {
      ...{ scope: 'sale', name },
      restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
      // Not etcd3: with it, Patroni 3.0.2 lets a leader that was suspended take the lead back.
      etcd: { host: `127.0.0.1:${this.etcdPort}` },
      bootstrap: {
        dcs: {
          ...times,
          ...{ synchronous_mode: isSynchronous, synchronous_mode_strict: isSynchronous },
          maximum_lag_on_failover: 1_000_000_000,
          postgresql: {
            use_pg_rewind: true,
            parameters: { max_connections: 80, wal_keep_size: '256MB' },
          },
        },
        initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
      },
      postgresql: {
        ...{ listen: `127.0.0.1:${port}`, connect_address: `127.0.0.1:${port}` },
        ...{ data_dir: data, bin_dir: this.programs.postgresBinDir },
        pgpass: join(folder, 'pgpass'),
        authentication: {
          superuser: { username: 'postgres', password: 'secret' },
          replication: { username: 'replicator', password: 'secret' },
        },
        pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
        parameters: { unix_socket_directories: folder, shared_buffers: '32MB', jit: 'off' },
      },
      watchdog: { mode: 'off' },
    };
  }
}

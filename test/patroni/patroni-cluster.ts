// SPDX-License-Identifier: GPL-3.0-or-later
/** Three PostgreSQL servers under Patroni, with an etcd, on free ports of this machine. */
import type { ChildProcess } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { isAlive, serverPids } from '../support/server-processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { launch, Member, makeFolder, password } from './member.ts';
import type { PatroniPrograms } from './programs.ts';

/** Whether a commit waits for a standby. In synchronous mode it also waits while there is none. */
export type ReplicationMode = 'synchronous' | 'asynchronous';

const role = 'firstcome';
const changeMsMax = 120_000;
const answerMsMax = 2_000;

/** The cluster. `start` creates it, `stop` removes its processes. */
export class PatroniCluster {
  readonly members: Member[] = [];
  private readonly folder: string;
  private readonly programs: PatroniPrograms;
  private readonly mode: ReplicationMode;
  private etcd: ChildProcess | undefined;

  private constructor(folder: string, programs: PatroniPrograms, mode: ReplicationMode) {
    this.folder = folder;
    this.programs = programs;
    this.mode = mode;
  }

  /** Starts all servers in a folder. Stops them again when it rejects. */
  static async start(
    folder: string,
    programs: PatroniPrograms,
    mode: ReplicationMode,
  ): Promise<PatroniCluster> {
    const cluster = new PatroniCluster(folder, programs, mode);
    try {
      chownSync(folder, programs.account.uid, programs.account.gid);
      const etcdPort = await cluster.startEtcd();
      for (const name of ['one', 'two', 'three']) {
        cluster.members.push(await Member.prepare(name, folder, etcdPort, programs));
      }
      // As with compose, they start together, and one of them creates the cluster.
      for (const member of cluster.members) member.start();
      if (mode === 'asynchronous') await cluster.makeAsynchronous();
      await cluster.untilComplete();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Creates a database for a service. */
  async createDatabase(name: string): Promise<void> {
    await this.query(await this.primary(), `create database ${name} owner ${role}`);
  }

  /** The URL of a database: all servers, or `host` instead. */
  urlOf(database: string, host?: string): string {
    const servers = host ?? this.members.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `postgres://${role}:${password}@${servers}/${database}?target_session_attrs=read-write`;
  }

  /** The member that Patroni shows as the primary, once there is one. */
  async primary(): Promise<Member> {
    return waitFor('a primary', () => this.answering('primary'), { timeoutMs: changeMsMax });
  }

  /** The member whose confirmation each commit needs, once there is one. */
  async synchronousStandby(): Promise<Member> {
    return waitFor('a synchronous standby', () => this.answering('synchronous'), {
      timeoutMs: changeMsMax,
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

  /** How to reach a database of a member as a superuser. */
  configOf({ port }: Member, database = 'postgres') {
    return { host: '127.0.0.1', port, user: 'postgres', password, database };
  }

  /** Runs one statement as a superuser. */
  async query<Row extends pg.QueryResultRow>(member: Member, sql: string): Promise<Row[]> {
    const client = new pg.Client({
      ...this.configOf(member),
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

  /** The standbys that a primary waits for, as its settings have them. */
  async synchronousNames(primary: Member): Promise<string> {
    const [row] = await this.query<{ names: string }>(
      primary,
      `select current_setting('synchronous_standby_names') as names`,
    );
    return row?.names ?? '';
  }

  /** Makes another server the primary, as an operator does, and waits until it is. */
  async switchOver(): Promise<void> {
    const old = await this.primary();
    const candidate = await this.synchronousStandby();
    const answer = await fetch(`http://127.0.0.1:${old.restPort}/switchover`, {
      method: 'POST',
      body: JSON.stringify({ leader: old.name, candidate: candidate.name }),
    });
    if (!answer.ok) throw new Error(`no switchover: ${await answer.text()}`);
    await this.untilReplaced(old);
  }

  /** Waits until another member is the primary. */
  async untilReplaced(old: Member): Promise<void> {
    const isReplaced = async () => (await this.answering('primary', old)) !== undefined;
    await waitFor('another primary', isReplaced, { timeoutMs: changeMsMax });
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    for (const member of this.members) member.kill();
    this.etcd?.kill('SIGKILL');
    await waitFor('end of the cluster', () => !serverPids(this.folder).some(isAlive));
  }

  /** As an operator does: the file has the other mode. A standby may be as far behind as the test lets it. */
  private async makeAsynchronous(): Promise<void> {
    const { restPort } = await this.primary();
    const answer = await fetch(`http://127.0.0.1:${restPort}/config`, {
      method: 'PATCH',
      body: JSON.stringify({
        ...{ synchronous_mode: false, synchronous_mode_strict: false },
        maximum_lag_on_failover: 1_000_000_000,
      }),
    });
    if (!answer.ok) throw new Error(`no change of settings: ${await answer.text()}`);
    const waitsForNone = async () => (await this.synchronousNames(await this.primary())) === '';
    await waitFor('commits that wait for no standby', waitsForNone, { timeoutMs: changeMsMax });
  }

  /** What each Patroni shows of its server. */
  private async states(): Promise<string> {
    const states = this.members.map(async ({ name, restPort }) => {
      const answer = await fetch(`http://127.0.0.1:${restPort}/patroni`, {
        signal: AbortSignal.timeout(answerMsMax),
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
        signal: AbortSignal.timeout(answerMsMax),
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

  /** Resolves to its port. */
  private async startEtcd(): Promise<number> {
    const port = await chooseFreePort();
    const client = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${await chooseFreePort()}`;
    const data = join(this.folder, 'etcd');
    makeFolder(data, this.programs);
    const args = [
      ...['--data-dir', data, '--name', 'etcd', '--enable-v2', '--unsafe-no-fsync'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `etcd=${peer}`],
    ];
    this.etcd = launch('etcd', args, data, this.programs);
    await waitFor('etcd', async () => (await fetch(`${client}/health`)).ok);
    return port;
  }
}

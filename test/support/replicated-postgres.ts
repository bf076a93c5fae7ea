// SPDX-License-Identifier: GPL-3.0-or-later
/** Two servers in streaming replication that can swap their roles, for tests of a failover. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { binDirOfProject } from './own-postgres.ts';
import { waitFor } from './wait-for.ts';

/** A primary and its standby. */
export class ReplicatedPostgres {
  /** The server that takes writes. */
  primary: PostgresServer;
  /** The server that follows it. */
  standby: PostgresServer;
  private readonly folder: string;

  private constructor(folder: string, primary: PostgresServer, standby: PostgresServer) {
    this.folder = folder;
    this.primary = primary;
    this.standby = standby;
  }

  /** Starts both, of the same version as the project's PostgreSQL. */
  static async start(): Promise<ReplicatedPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'firstcome-pair-'));
    await chmod(folder, 0o755);
    const found = await findInstallation(folder);
    const installation = { ...found, binDir: (await binDirOfProject()) ?? found.binDir };
    const primary = await PostgresServer.create(installation, join(folder, 'one'));
    const standby = await primary.createStandby(join(folder, 'two'), 'two');
    const pair = new ReplicatedPostgres(folder, primary, standby);
    await pair.untilSame();
    return pair;
  }

  /** Waits until the standby shows all commits of the primary. */
  async untilSame(): Promise<void> {
    const [row] = await this.primary.query<{ lsn: string }>(
      'select pg_current_wal_lsn()::text as lsn',
    );
    await waitFor('the standby to catch up', async () => {
      const reached = await this.standby.query(
        'select where pg_last_wal_replay_lsn() >= $1::pg_lsn',
        { values: [row?.lsn] },
      );
      return reached.length > 0;
    });
  }

  /** Lets each commit on the primary wait for these standbys; for none where the list is empty. */
  async commitOn(standbys: string): Promise<void> {
    await this.primary.query(`alter system set synchronous_standby_names = '${standbys}'`);
    await this.primary.query('select pg_reload_conf()');
    await waitFor('the new setting', async () => {
      const wanted = standbys === '' ? 0 : 1;
      const sync = `select from pg_stat_replication where sync_state = 'sync'`;
      return (await this.primary.query(sync)).length === wanted;
    });
  }

  /** Ends the replication for good: the standby gets nothing more, and both run on. */
  async detach(): Promise<void> {
    await this.untilSame();
    const rules = join(this.primary.data, 'pg_hba.conf');
    const before = await readFile(rules, 'utf8');
    await writeFile(rules, `host replication all 127.0.0.1/32 reject\n${before}`);
    await this.primary.query('select pg_reload_conf()');
    await waitFor('the end of the replication', async () => {
      const senders = await this.primary.query(
        'select pg_terminate_backend(pid) from pg_stat_replication',
      );
      return senders.length === 0;
    });
  }

  /** Stops the replay on the standby, while the primary continues. */
  async pauseReplay(): Promise<void> {
    await this.untilSame();
    await this.standby.query('select pg_wal_replay_pause()');
    await waitFor('the pause of the replay', async () => {
      const [row] = await this.standby.query<{ state: string }>(
        'select pg_get_wal_replay_pause_state() as state',
      );
      return row?.state === 'paused';
    });
  }

  /** Lets the standby catch up. */
  async resumeReplay(): Promise<void> {
    await this.standby.query('select pg_wal_replay_resume()');
    await this.untilSame();
  }

  /** Swaps the roles without a loss: the primary stops, the standby is promoted, and the old primary follows it. */
  async switchOver(): Promise<void> {
    const { primary: old, standby: next } = this;
    await old.stop('fast');
    await next.promote();
    await old.follow(next);
    await old.start();
    this.primary = next;
    this.standby = old;
    await this.untilSame();
  }

  /**
   * Makes an old primary, which may still run, a standby of the promoted server. What only the old one has is lost. Both
   * stop meanwhile.
   */
  async rebuild(old: PostgresServer, promoted: PostgresServer): Promise<void> {
    if (await old.isRunning()) await old.stop('fast');
    await promoted.copyTo(old);
    await old.follow(promoted);
    await old.start();
    this.primary = promoted;
    this.standby = old;
    await this.untilSame();
  }

  /** Stops both and removes their files. */
  async remove(): Promise<void> {
    await Promise.all([this.primary.remove(), this.standby.remove()]);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

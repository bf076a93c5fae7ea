// SPDX-License-Identifier: GPL-3.0-or-later
/** Failovers of a primary to its synchronous standby. The nodes have both in their DATABASE_URL, and nothing in between. */
import { suspendServer } from '../../support/suspended-server.ts';
import type { FaultRow, Injection, Outcome } from '../fault-row.ts';
import type { PostgresServer } from '../postgres-server.ts';
import { createSynchronousPair, standbyOf } from '../synchronous-pair.ts';

/** Row 9: the primary crashes, its standby is promoted, and the old primary comes back beside it, on its old timeline. */
export const standbyPromoted: FaultRow = {
  row: 9,
  name: 'standby promoted',
  scenarios: ['mixed', 'holds'],
  faultSeconds: 9,
  isFelt: true,
  server: createSynchronousPair,
  standby: standbyOf,
  async inject(injection) {
    const { server: old } = injection.rig;
    await injection.fault('primary crashed', async () => {
      await old.stop('immediate');
      await injection.pause(injection.chance.between(0, 1500));
      await promoteStandby(injection);
    });
    await injection.pause(injection.chance.between(1000, 2000));
    await injection.fault('old primary back', async () => {
      await old.start();
      await injection.pause(injection.chance.between(1000, 2000));
      await old.stop('immediate');
    });
  },
  check: isOnPromoted,
};

/** Row 10: the primary freezes, its standby is promoted, and the old primary wakes up beside it. */
export const frozenPrimaryReplaced: FaultRow = {
  row: 10,
  name: 'primary frozen and replaced',
  scenarios: ['mixed', 'holds'],
  faultSeconds: 9,
  isFelt: true,
  server: createSynchronousPair,
  standby: standbyOf,
  async inject(injection) {
    const { server: old } = injection.rig;
    await injection.fault('primary frozen', async () => {
      const { resume } = await suspendServer(old);
      try {
        await injection.pause(injection.chance.between(500, 2500));
        await promoteStandby(injection);
        await injection.pause(injection.chance.between(1500, 2500));
      } finally {
        resume();
      }
      await injection.pause(injection.chance.between(500, 1500));
    });
    // What it has written alone was never acknowledged, and is lost.
    await old.stop('immediate');
  },
  check: isOnPromoted,
};

/** From now on the promoted server is that of the run: the audit reads it. */
async function promoteStandby({ rig }: Injection): Promise<void> {
  const standby: PostgresServer = standbyOf(rig.server);
  await standby.promote();
  rig.server = standby;
}

/** The clients must have won units before and after the promotion. */
async function isOnPromoted({ rig, note }: Outcome): Promise<string[]> {
  const claims = `select (select count(*) from claims) as stored,
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int as timeline`;
  const [row] = await rig.server.query<{ stored: string; timeline: number }>(claims, {
    database: rig.database,
  });
  note(`${row?.stored} claims on timeline ${row?.timeline}`);
  return row?.timeline === 2 ? [] : ['the run did not end on the promoted server'];
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../../core/clock.ts';
import type { CommitWatch } from '../../../core/commit-watch.ts';
import { type DurabilityMin, type Health, isDurableEnough } from '../../../core/health.ts';
import { SharedRead } from '../../../core/shared-read.ts';
import type { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { type DurabilitySettings, durabilityOf } from '../start/durability.ts';
import { statement } from '../statements.ts';

const checkHealth = statement('check-health');

type HealthRow = {
  identity: string;
  can_decide: boolean;
  is_unfinished: boolean;
} & DurabilitySettings;

const unknown: Health = { healthy: false, durability: undefined };
const replaced: Health = { ...unknown, reason: 'installation_changed' };

// A database that takes longer to answer a read of its settings decides no claim in time.
const readMsMax = 2_000;
// The first read opens a connection, on a machine that may be busy with starts.
const firstReadMsMax = 5_000;

/**
 * Whether claims can be decided now, and how durable they are. Never rejects, and resolves within two seconds, the first
 * time within five;
 * concurrent callers share one query, which also checks that the database is still the one of the start.
 */
export function postgresHealth({
  database,
  installation,
  commits,
  durabilityMin,
  clock,
}: {
  database: Database;
  installation: InstallationWatch;
  commits: Pick<CommitWatch, 'check'>;
  durabilityMin: DurabilityMin;
  clock: Pick<Clock, 'sleep' | 'atEndOfTurn'>;
}): () => Promise<Health> {
  let hasRead = false;
  const read = async (): Promise<Health> => {
    const [row] = await database.probe<HealthRow>(checkHealth);
    hasRead = true;
    if (row === undefined || installation.checkUsedConnection(row.identity) !== undefined)
      return unknown;
    // A session stays read-only if the database was when it began, so the next check needs a new one.
    if (!row.can_decide) database.dropIdle();
    const durability = durabilityOf(row);
    const health = { healthy: row.can_decide, durability, upgradeUnfinished: row.is_unfinished };
    return row.can_decide && !isDurableEnough(durability, durabilityMin)
      ? { ...health, healthy: false, reason: 'durability_too_low' }
      : health;
  };
  const shared = new SharedRead<Health>({
    load: async ([key]) => {
      const health = await read().catch(() => unknown);
      return new Map([[key as string, installation.isDifferent ? replaced : health]]);
    },
    keysMax: 1,
    readersMax: 10_000,
  });
  const readInTime = async (): Promise<Health> => {
    const answered = new AbortController();
    const late = async () => {
      await clock.sleep(hasRead ? readMsMax : firstReadMsMax, answered.signal);
      // After a pause of the whole process the answer may have arrived, unread.
      await new Promise<void>((resolve) => clock.atEndOfTurn(resolve));
      return installation.isDifferent ? replaced : unknown;
    };
    const health = shared.read('health').catch(() => unknown);
    try {
      return (await Promise.race([health, late()])) ?? unknown;
    } finally {
      answered.abort();
    }
  };
  return async () => {
    const [health, isCommitting] = await Promise.all([readInTime(), commits.check()]);
    if (!health.healthy || isCommitting) return health;
    return { ...health, healthy: false, reason: 'commits_stalled' };
  };
}

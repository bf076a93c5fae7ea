// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { type Durability, type DurabilityMin, isDurableEnough } from '../../../core/health.ts';
import { statement } from '../statements.ts';
import { DatabaseNotReady } from './start-failure.ts';

const readDurabilitySettings = statement('read-durability');
const countReplicas = statement('count-replicas');

/** The settings that decide durability, as they are in one of our sessions. */
export type DurabilitySettings = {
  fsync: string;
  synchronous_commit: string;
  synchronous_standby_names: string;
};

/** The level of durability that these settings give. */
export function durabilityOf(settings: DurabilitySettings): Durability {
  if (unsafeSettings(settings).length > 0) return 'unsafe';
  const isReplicated =
    settings.synchronous_standby_names !== '' && settings.synchronous_commit !== 'local';
  return isReplicated ? 'replicated' : 'local';
}

/** The settings that let a crash lose an acknowledged claim. */
export function unsafeSettings(settings: DurabilitySettings): string[] {
  return (['fsync', 'synchronous_commit'] as const).filter((name) => settings[name] === 'off');
}

/**
 * Returns the level of durability. For a database that can lose what it has committed it throws a `StartError` that
 * says what to do, unless `unsafeAllowed`. One below `min` may become durable enough: it throws a `DatabaseNotReady`.
 */
export async function checkDurability(
  client: pg.ClientBase,
  options: { unsafeAllowed: boolean; min: DurabilityMin },
): Promise<Durability> {
  const { durability, unsafe } = await readDurability(client);
  if (durability === 'unsafe' && !options.unsafeAllowed) {
    throw canLoseClaims(unsafe, 'start with --unsafe-durability');
  }
  if (!isDurableEnough(durability, options.min)) {
    throw new DatabaseNotReady(
      `its durability is "${durability}", and DURABILITY_MIN is "${options.min}"`,
      adviceOnDurability(options.min, 'DURABILITY_MIN'),
    );
  }
  return durability;
}

/** The level of durability of the session's commits, and the settings that make it unsafe. */
export async function readDurability(
  client: pg.ClientBase,
): Promise<{ durability: Durability; unsafe: string[] }> {
  const { rows } = await client.query<DurabilitySettings>(readDurabilitySettings.text);
  const [settings] = rows;
  if (settings === undefined) throw new StartError('the database did not return its settings');
  return { durability: durabilityOf(settings), unsafe: unsafeSettings(settings) };
}

/** What an operator can do where the database is not as durable as the setting demands. */
export function adviceOnDurability(min: DurabilityMin, setting: string): string {
  const raise =
    min === 'replicated'
      ? 'Name a standby in synchronous_standby_names of the server'
      : 'Turn fsync and synchronous_commit of the server on';
  return `${raise}, or lower ${setting}.`;
}

/**
 * Warns of replicas that follow the server although no commit waits for them: after a failover to one of them
 * acknowledged claims may be missing. Undefined where there are none, or the role may not see them.
 */
export async function warnOfReplicas(
  client: pg.ClientBase,
  durability: Durability,
): Promise<string | undefined> {
  if (durability !== 'local') return undefined;
  const { rows } = await client.query<{ replicas: number }>(countReplicas.text);
  const replicas = rows[0]?.replicas ?? 0;
  return replicas === 0
    ? undefined
    : `replicas follow this database (${replicas}), but no commit waits for one: a failover can lose acknowledged claims`;
}

/** The refusal of an unsafe database. `allowedBy` says how an operator accepts it. */
export function canLoseClaims(unsafe: string[], allowedBy: string): StartError {
  return new StartError(
    `this database can lose claims that were acknowledged: ${unsafe.map((name) => `${name} is off`).join(', ')}\n` +
      `Turn ${unsafe.length > 1 ? 'them' : 'it'} on; or ${allowedBy} where losing claims is no harm, as in a test.`,
  );
}

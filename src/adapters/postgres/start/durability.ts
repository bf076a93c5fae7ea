// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import type { Durability } from '../../../core/health.ts';
import { statement } from '../statements.ts';

const readDurabilitySettings = statement('read-durability');

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
 * says what to do, unless `unsafeAllowed`.
 */
export async function checkDurability(
  client: pg.ClientBase,
  options: { unsafeAllowed: boolean },
): Promise<Durability> {
  const { durability, unsafe } = await readDurability(client);
  if (durability === 'unsafe' && !options.unsafeAllowed) {
    throw canLoseClaims(unsafe, 'start with --unsafe-durability');
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

/** The refusal of an unsafe database. `allowedBy` says how an operator accepts it. */
export function canLoseClaims(unsafe: string[], allowedBy: string): StartError {
  return new StartError(
    `this database can lose claims that were acknowledged: ${unsafe.map((name) => `${name} is off`).join(', ')}\n` +
      `Turn ${unsafe.length > 1 ? 'them' : 'it'} on; or ${allowedBy} where losing claims is no harm, as in a test.`,
  );
}

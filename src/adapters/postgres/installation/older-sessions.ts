// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { quoteName } from '../connections/search-path.ts';
import { types } from '../connections/value-types.ts';
import { statement } from '../statements.ts';

const listOlderSessions = statement('list-older-sessions');
const namedMax = 10;

type OlderSession = {
  pid: number;
  name: string;
  address: string | null;
  since: string | null;
  role: string;
  own_role: string;
  is_hidden: boolean;
};

/**
 * Rejects with a `StartError` that names them when services of an earlier release are connected to the database, or when
 * sessions are whose statements this role may not see: they may be such services.
 */
export async function assertNoOlderSession(client: pg.ClientBase): Promise<void> {
  const { text } = listOlderSessions;
  const { rows } = await client.query<OlderSession>({ text, types });
  const older = rows.filter((session) => !session.is_hidden);
  if (older.length > 0) {
    throw new StartError(
      [
        'the upgrade cannot be finished: an earlier release is connected',
        ...linesOf(older),
        'Stop or upgrade these services, and try again.',
      ].join('\n'),
    );
  }
  const [hidden] = rows;
  if (hidden === undefined) return;
  throw new StartError(
    [
      'the upgrade cannot be finished: an earlier release may be connected',
      'This role may not see what these sessions do:',
      ...linesOf(rows),
      'End them, or let a superuser run the following statement, and try again.',
      `  grant pg_read_all_stats to ${quoteName(hidden.own_role)}`,
    ].join('\n'),
  );
}

function linesOf(sessions: readonly OlderSession[]): string[] {
  const more = sessions.length - namedMax;
  return [
    ...sessions.slice(0, namedMax).map(describe),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function describe({ pid, name, address, since, role, is_hidden: isHidden }: OlderSession): string {
  const facts = [
    ...(name === '' ? [] : [`"${name}"`]),
    ...(isHidden ? [`of ${JSON.stringify(role)}`] : []),
    ...(address === null ? [] : [`from ${address}`]),
    ...(since === null ? [] : [`since ${since.replace(/\.\d+/, '')}`]),
  ];
  return `  server process ${[pid, ...facts].join(' ')}`;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { types } from '../connections/value-types.ts';
import { statement } from '../statements.ts';

const listOlderSessions = statement('list-older-sessions');
const namedMax = 10;

type OlderSession = { pid: number; name: string; address: string | null; since: string | null };

/** Rejects with a `StartError` that names them when services of an earlier release are connected to the database. */
export async function assertNoOlderSession(client: pg.ClientBase): Promise<void> {
  const { text } = listOlderSessions;
  const { rows } = await client.query<OlderSession>({ text, types });
  if (rows.length === 0) return;
  const more = rows.length - namedMax;
  throw new StartError(
    [
      'the upgrade cannot be finished: an earlier release is connected',
      ...rows.slice(0, namedMax).map(describe),
      ...(more > 0 ? [`  and ${more} more`] : []),
      'Stop or upgrade these services, and try again.',
    ].join('\n'),
  );
}

function describe({ pid, name, address, since }: OlderSession): string {
  const facts = [
    ...(name === '' ? [] : [`"${name}"`]),
    ...(address === null ? [] : [`from ${address}`]),
    ...(since === null ? [] : [`since ${since.replace(/\.\d+/, '')}`]),
  ];
  return `  server process ${[pid, ...facts].join(' ')}`;
}

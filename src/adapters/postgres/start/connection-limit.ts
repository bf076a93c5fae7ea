// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { leadsThroughPooler } from '../connections/pooler.ts';
import { statement } from '../statements.ts';

const readConnectionLimit = statement('read-connection-limit');

/** What the pools of a whole service may take: each of its processes has both. */
export type ConnectionsWanted = {
  processes: number;
  claimConnections: number;
  queryConnections: number;
};

/** How many connections the database admits of this role, and how many of them are free. */
export type ConnectionLimit = { connections_max: number; connections_free: number };

/**
 * Makes sure that the database itself admits as many connections as the pools may take: otherwise claims would find out,
 * under load. Throws a `StartError` where it never does, or where a pooler stands before it; returns a warning where it
 * does not now.
 */
export async function checkConnectionLimit(
  client: pg.ClientBase,
  wanted: ConnectionsWanted,
): Promise<string | undefined> {
  const { rows } = await client.query<ConnectionLimit & { backend: number }>(
    readConnectionLimit.text,
  );
  const [limit] = rows;
  if (limit === undefined) throw new StartError('the database does not show its limits');
  if (leadsThroughPooler(client, limit.backend)) {
    throw new StartError(
      'DATABASE_URL leads through a connection pooler, where the timeouts\n' +
        'and settings of a session do not hold\n' +
        'Let it lead to PostgreSQL: the service keeps pools of its own.',
    );
  }
  return judgeConnections(wanted, limit);
}

/** The judgement alone. */
export function judgeConnections(
  { processes, claimConnections, queryConnections }: ConnectionsWanted,
  { connections_max: max, connections_free: free }: ConnectionLimit,
): string | undefined {
  const wanted = processes * (claimConnections + queryConnections);
  const parts =
    `${processes} ${processes === 1 ? 'process' : 'processes'}, ` +
    `each ${claimConnections} for claims and ${queryConnections} for queries`;
  if (wanted > max) {
    // Each line fits into 80 columns, together with the name before it.
    throw new StartError(
      `the pools may take ${wanted} connections, but this role may have ${max}\n` +
        `(${parts})\n` +
        'Raise max_connections of the server, or the limit of the database or\n' +
        'the role; or lower DATABASE_CLAIM_CONNECTIONS,\n' +
        'DATABASE_QUERY_CONNECTIONS or WORKERS.',
    );
  }
  if (wanted <= free) return undefined;
  const fewer = 'lower DATABASE_CLAIM_CONNECTIONS, DATABASE_QUERY_CONNECTIONS or WORKERS';
  return (
    `the pools may take ${wanted} connections (${parts}), but of the ${max} that the database admits of this role ${free} are free now: ` +
    `while others have them, claims may be refused under load; ${fewer}, or raise max_connections`
  );
}

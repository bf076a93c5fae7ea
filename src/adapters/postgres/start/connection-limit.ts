// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { leadsThroughPooler } from '../connections/pooler.ts';
import { statement } from '../statements.ts';

const readConnectionLimit = statement('read-connection-limit');

/** The sizes of the pools of a service: each of its processes has all of them. */
export type PoolSizes = {
  processes: number;
  claimConnections: number;
  queryConnections: number;
  /** Connections that deliver events; 0 while there is no webhook. */
  jobConnections: number;
};

/** How many connections the database admits for this role, and how many of them are free. */
export type ConnectionLimit = { connections_max: number; connections_free: number };

/**
 * Checks that the database admits as many connections as the pools may open; otherwise claims would fail under load.
 * Throws a `StartError` when it never admits as many, or when a pooler is in between; returns a warning when too few
 * are free now.
 */
export async function checkConnectionLimit(
  client: pg.ClientBase,
  wanted: PoolSizes,
): Promise<string | undefined> {
  const { rows } = await client.query<ConnectionLimit & { backend: number }>(
    readConnectionLimit.text,
  );
  const [limit] = rows;
  if (limit === undefined) throw new StartError('the database did not return its limits');
  if (leadsThroughPooler(client, limit.backend)) {
    throw new StartError(
      'DATABASE_URL leads through a connection pooler, where the timeouts\n' +
        'and settings of a session do not hold\n' +
        'Let it lead to PostgreSQL: the service keeps pools of its own.',
    );
  }
  return compareConnections(wanted, limit);
}

/** The same for limits that are known. */
export function compareConnections(
  { processes, claimConnections, queryConnections, jobConnections }: PoolSizes,
  { connections_max: max, connections_free: free }: ConnectionLimit,
): string | undefined {
  const wanted = processes * (claimConnections + queryConnections + jobConnections);
  const orJobs = jobConnections > 0 ? ', DATABASE_JOB_CONNECTIONS' : '';
  const kinds = [
    `${claimConnections} for claims`,
    `${queryConnections} for queries`,
    ...(jobConnections > 0 ? [`${jobConnections} for events`] : []),
  ];
  const sizes =
    `${processes} ${processes === 1 ? 'process' : 'processes'}, ` +
    `each ${kinds.join(kinds.length > 2 ? ', ' : ' and ')}`;
  if (wanted > max) {
    // Each line fits into 80 columns behind the program's name.
    throw new StartError(
      `the pools may take ${wanted} connections, but this role may have ${max}\n` +
        `(${sizes})\n` +
        'Raise max_connections of the server, or the limit of the database or\n' +
        'the role; or lower DATABASE_CLAIM_CONNECTIONS,\n' +
        `DATABASE_QUERY_CONNECTIONS${orJobs} or WORKERS.`,
    );
  }
  if (wanted <= free) return undefined;
  const fewer = `lower DATABASE_CLAIM_CONNECTIONS, DATABASE_QUERY_CONNECTIONS${orJobs} or WORKERS`;
  return (
    `the pools may take ${wanted} connections (${sizes}), but of the ${max} that the database admits for this role ${free} are free now: ` +
    `until the others are free, claims may be refused under load; ${fewer}, or raise max_connections`
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Copies the tables of one installation into another, empty one, also of another version of PostgreSQL. */
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { messageOf } from '../../../core/error-message.ts';
import { StartError } from '../../../core/errors.ts';
import { searchPathOf, setSearchPath } from '../connections/search-path.ts';
import { brokenRuleLines, findBrokenRules } from '../consistency-check.ts';
import { readMigrations } from '../installation/find-installation.ts';
import { migrationFiles } from '../installation/migration-files.ts';
import { type StartConnection, withStartConnection } from '../start/start-connection.ts';
import { statement } from '../statements.ts';

const listTables = statement('list-tables-to-copy');
const listSequences = statement('list-sequences');
const setSequence = statement('set-sequence');
const countServices = statement('count-services');
const beginSnapshot = statement('begin-snapshot');
const beginTransaction = statement('begin-transaction');
const commitTransaction = statement('commit-transaction');
const setSession = statement('set-session');

// The target keeps its own identity, so that services distinguish it from the source, and its own leases and workers.
const tablesKept = new Set([
  ...['installation', 'duties', 'job_workers'],
  // A start of the target fills them, and nothing in them is worth a copy.
  ...['outcome_seconds', 'outcome_gaps', 'console_sessions'],
]);
const tablesToCopy = migrationFiles
  .flatMap(({ tables }) => tables)
  .filter((name) => !tablesKept.has(name));

const lockNotAvailable = '55P03';
// PostgreSQL ends an automatic vacuum that is in the way after a second.
const lockWait = '10s';

/** One end of a copy. */
export type CopyEnd = StartConnection & { schema: string };

/** The source, with the schema of its list of migrations. */
export type CopySource = CopyEnd & { listSchema: string };

/** A table with the number of its rows, which is the same on both sides. */
export type CopiedTable = { name: string; rows: number };

/**
 * Copies all rows in one snapshot of the source and one transaction of the target. It locks the tables of both, and
 * refuses while a service is connected to either, because claims that a service confirms meanwhile would be missing.
 * The target must have all migrations of this release and no rows. Before the commit both sides must agree with the
 * consistency rules. Rejects with a `StartError`; then the target is empty, as before,
 * unless the connection broke at the commit.
 */
export function copyInstallation(source: CopySource, target: CopyEnd): Promise<CopiedTable[]> {
  return withStartConnection(source, (from) =>
    withStartConnection(target, async (to) => {
      try {
        return await copy({ client: from, end: source }, { client: to, end: target });
      } catch (error) {
        source.signal?.throwIfAborted();
        if (error instanceof StartError) throw error;
        throw new StartError(`the copy did not finish: ${messageOf(error)}\nRun it again.`, {
          cause: error,
        });
      }
    }),
  );
}

type Side<End = CopyEnd> = { client: pg.ClientBase; end: End };

type Table = {
  name: string;
  columns: string;
  lock: string;
  copy_out: string;
  copy_in: string;
  check_rows: string;
};

async function copy(source: Side<CopySource>, target: Side): Promise<CopiedTable[]> {
  const [from, to] = [source.client, target.client];
  await assertMigrated(source);
  const tables = await matchTables(source, target);
  for (const client of [from, to])
    await client.query(setSession.text, [['lock_timeout'], [lockWait]]);
  // The locks come before the first query of the transaction, which takes the snapshot.
  await from.query(beginSnapshot.text);
  await lockTables(from, tables, 'source');
  await assertNoService(from, 'source');
  await assertConsistent(from, 'source');
  await to.query(beginTransaction.text);
  await lockTables(to, tables, 'target');
  await assertNoService(to, 'target');
  const copied: CopiedTable[] = [];
  for (const { from: out, to: into } of tables) {
    await assertEmpty(to, into);
    copied.push({ name: out.name, rows: await copyTable({ from, to }, out, into) });
  }
  await copySequences(from, to);
  await assertConsistent(to, 'target');
  await assertNoService(from, 'source');
  await to.query(commitTransaction.text);
  return copied;
}

async function assertMigrated({ client, end }: Side<CopySource>): Promise<void> {
  const applied = await readMigrations(client, end.listSchema);
  const missing = migrationFiles.find(({ name }) => !applied.includes(name));
  if (missing === undefined && applied.length === migrationFiles.length) return;
  const reason =
    missing === undefined
      ? 'it has migrations that this release does not know\nUse the release of its service.'
      : `it lacks the migration ${missing.name}\nRun firstcome migrate${missing.isCompatible ? '' : ' --finish'} on it first.`;
  throw new StartError(`the source is not at the version of this release: ${reason}`);
}

type MatchedTable = { from: Table; to: Table };

async function matchTables(source: Side, target: Side): Promise<MatchedTable[]> {
  const [inSource, inTarget] = await Promise.all([source, target].map(readTables));
  return tablesToCopy.map((name) => {
    const [from, to] = [inSource, inTarget].map((all) => all?.find((table) => table.name === name));
    if (from !== undefined && to !== undefined && from.columns === to.columns) return { from, to };
    throw new StartError(`the table ${name} has other columns in the target than in the source`);
  });
}

async function readTables({ client, end }: Side): Promise<Table[]> {
  await setSearchPath(client, searchPathOf(end.schema));
  return (await client.query<Table>(listTables.text, [tablesToCopy])).rows;
}

async function lockTables(
  client: pg.ClientBase,
  tables: readonly MatchedTable[],
  side: 'source' | 'target',
): Promise<void> {
  for (const table of tables) {
    const { lock } = side === 'source' ? table.from : table.to;
    await client.query(lock).catch((error) => {
      if (error.code !== lockNotAvailable) throw error;
      throw new StartError(
        `the table ${table.from.name} of the ${side} is in use\nStop all services and other programs that write to it, and try again.`,
        { cause: error },
      );
    });
  }
}

async function assertNoService(client: pg.ClientBase, side: string): Promise<void> {
  const { rows } = await client.query<{ sessions: number }>(countServices.text);
  if (rows[0]?.sessions === 0) return;
  throw new StartError(
    `a service is connected to the ${side}, with ${rows[0]?.sessions} sessions\nStop it first: claims that it confirms during the copy would be missing.`,
  );
}

async function assertConsistent(client: pg.ClientBase, side: string): Promise<void> {
  const broken = await findBrokenRules(client);
  if (broken.length === 0) return;
  const lines = [`the records of the ${side} are not consistent; nothing was copied`];
  throw new StartError(
    [
      ...lines,
      ...brokenRuleLines(broken),
      'docs/runbook.md#firstcomedifferences says what to do.',
    ].join('\n'),
  );
}

async function assertEmpty(client: pg.ClientBase, table: Table): Promise<void> {
  const { rows } = await client.query<{ has_rows: boolean }>(table.check_rows);
  if (rows[0]?.has_rows === false) return;
  throw new StartError(
    `the table ${table.name} of the target has rows; nothing was copied\nA copy replaces nothing. Use an empty database, or another DATA_DIR.`,
  );
}

/** Copies the rows of a table, as text, which all versions of PostgreSQL read. */
async function copyTable(
  { from, to }: { from: pg.ClientBase; to: pg.ClientBase },
  source: Table,
  target: Table,
): Promise<number> {
  const out = from.query(copyTo(source.copy_out));
  const into = to.query(copyFrom(target.copy_in));
  await pipeline(out, into);
  if (out.rowCount === into.rowCount) return into.rowCount;
  throw new StartError(
    `the target stored ${into.rowCount} rows of ${source.name}, and the source sent ${out.rowCount}`,
  );
}

/** The target continues after the last id of the source, also of a row that is gone. */
async function copySequences(from: pg.ClientBase, to: pg.ClientBase): Promise<void> {
  const { rows } = await from.query<{
    table_name: string;
    column_name: string;
    last_value: string | null;
  }>(listSequences.text, [tablesToCopy]);
  for (const { table_name: table, column_name: column, last_value: last } of rows) {
    if (last !== null) await to.query(setSequence.text, [table, column, last]);
  }
}

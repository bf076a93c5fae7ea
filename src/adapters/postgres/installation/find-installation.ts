// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds the schema of the installation in a database. Reads only. */
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import {
  catalogsOnly,
  quoteName,
  searchPathOf,
  setSearchPath,
} from '../connections/search-path.ts';
import { type StartConnection, withStartConnection } from '../start/start-connection.ts';
import { statement } from '../statements.ts';
import {
  chooseSchema,
  type InstallationLocation,
  migrationsTable,
  namesNeeded,
  type SchemaFacts,
  type SchemaSetting,
  schemaBefore,
  schemaDefault,
} from './choose-schema.ts';

const resetSearchPath = statement('reset-search-path');
const readSearchPath = statement('read-search-path');
const findInstallations = statement('find-installations');
const listMigrations = statement('list-migrations');
const readIdentityOf = statement('read-identity');

type SchemaRow = {
  schema: string;
  tables: string[];
  taken: string[];
  has_marks: boolean;
  list: 'none' | 'readable' | 'unreadable' | 'foreign';
};

/** The schema that the operator has set, if any, and the name of that setting for error texts. */
export type SchemaWanted = { schema: string | undefined; setting: SchemaSetting };

/**
 * Applies `chooseSchema` with the search path of the role and the URL, not that of the session, which it changes.
 * Throws a `StartError` that says what to do.
 */
export async function findInstallation(
  client: pg.ClientBase,
  wanted: SchemaWanted,
): Promise<InstallationLocation> {
  await client.query(resetSearchPath.text);
  const { rows } = await client.query<{ schemas: string[] }>(readSearchPath.text);
  const inPath = (rows[0]?.schemas ?? []).filter((schema) => !isOfPostgres(schema));
  const candidates = [...new Set([schemaDefault, schemaBefore, ...inPath])];
  const facts = await readFacts(client, candidates, wanted.schema);
  return chooseSchema(facts, wanted.schema, wanted.setting);
}

/** The identity of the installation in a schema. Rejects when there is none, or when it is not up to date. */
export async function readIdentity(client: pg.ClientBase, schema: string): Promise<string> {
  await setSearchPath(client, searchPathOf(schema));
  const { rows } = await client.query<{ identity: string | null }>(readIdentityOf.text);
  const identity = rows[0]?.identity ?? undefined;
  if (identity !== undefined) return identity;
  throw new StartError(
    `the installation in schema ${schema} has lost its id\n` +
      'Restore the row of the table installation from a backup, or write a new one:\n' +
      `\`insert into ${quoteName(schema)}.installation (id, created_at)\n` +
      'values (gen_random_uuid(), now())`',
  );
}

/** `findInstallation` on a connection of its own, for commands that run outside the service. */
export function locateInstallation(
  options: StartConnection & SchemaWanted,
): Promise<InstallationLocation> {
  return withStartConnection(options, (client) => findInstallation(client, options));
}

async function readFacts(
  client: pg.ClientBase,
  candidates: string[],
  wanted: string | undefined,
): Promise<SchemaFacts[]> {
  await setSearchPath(client, catalogsOnly);
  const { rows } = await client.query<SchemaRow>(findInstallations.text, [
    [...candidates, ...(wanted === undefined ? [] : [wanted])],
    ...[namesNeeded, migrationsTable],
  ]);
  const all: SchemaFacts[] = [];
  for (const { schema, tables, taken, has_marks: hasOwnLedger, list } of rows) {
    const names = list === 'readable' ? await readMigrations(client, schema) : list;
    const isCandidate = candidates.includes(schema);
    all.push({ schema, isCandidate, tables, taken, hasOwnLedger, list: names });
  }
  return all;
}

/** The names of the applied migrations, from the list in a schema. Changes the search path of the session. */
export async function readMigrations(client: pg.ClientBase, schema: string): Promise<string[]> {
  await setSearchPath(client, searchPathOf(schema));
  const { rows } = await client.query<{ name: string }>(listMigrations.text);
  return rows.map(({ name }) => name);
}

function isOfPostgres(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema';
}

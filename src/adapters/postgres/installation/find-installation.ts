// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds out in which schema of a database the installation lies. Reads only. */
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

/** The schema that the operator names, if any, and what the advice calls the setting for it. */
export type SchemaWanted = { schema: string | undefined; setting: SchemaSetting };

/**
 * Applies the rule of `chooseSchema`, by the search path of the role and the URL, whatever that of the session is.
 * Afterwards that is another one. Throws a `StartError` that says what to do.
 */
export async function findInstallation(
  client: pg.ClientBase,
  wanted: SchemaWanted,
): Promise<InstallationLocation> {
  await client.query(resetSearchPath.text);
  const { rows } = await client.query<{ schemas: string[] }>(readSearchPath.text);
  const inPath = (rows[0]?.schemas ?? []).filter((schema) => !isOfPostgres(schema));
  const inReach = [...new Set([schemaDefault, schemaBefore, ...inPath])];
  const facts = await readFacts(client, inReach, wanted.schema);
  return chooseSchema(facts, wanted.schema, wanted.setting);
}

/** The identity of the installation in a schema. Rejects where the schema has none, or one that is not up to date. */
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

/** The same over a connection of its own, for what happens outside of the service. */
export function locateInstallation(
  options: StartConnection & SchemaWanted,
): Promise<InstallationLocation> {
  return withStartConnection(options, (client) => findInstallation(client, options));
}

async function readFacts(
  client: pg.ClientBase,
  inReach: string[],
  wanted: string | undefined,
): Promise<SchemaFacts[]> {
  await setSearchPath(client, catalogsOnly);
  const { rows } = await client.query<SchemaRow>(findInstallations.text, [
    [...inReach, ...(wanted === undefined ? [] : [wanted])],
    ...[namesNeeded, migrationsTable],
  ]);
  const all: SchemaFacts[] = [];
  for (const { schema, tables, taken, has_marks: hasMarks, list } of rows) {
    const names = list === 'readable' ? await readList(client, schema) : list;
    const isInReach = inReach.includes(schema);
    all.push({ schema, isInReach, tables, taken, hasMarks, list: names });
  }
  return all;
}

async function readList(client: pg.ClientBase, schema: string): Promise<string[]> {
  await setSearchPath(client, searchPathOf(schema));
  const { rows } = await client.query<{ name: string }>(listMigrations.text);
  return rows.map(({ name }) => name);
}

function isOfPostgres(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema';
}

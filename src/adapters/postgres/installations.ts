// SPDX-License-Identifier: GPL-3.0-or-later
/** The rule that says in which schema an installation lies, over what is known of the schemas. */
import { StartError } from '../../core/errors.ts';
import { migrationFiles } from './migration-files.ts';

/** The schema of an installation where nothing says otherwise. */
export const schemaDefault = 'firstcome';

/** The schema in which release 0.1 keeps its list of migrations, whatever the search path is. */
export const schemaBefore = 'public';

/** The name of the list of migrations. Other programs use it too. */
export const migrationsTable = 'schema_migrations';

/** The names that an installation needs. */
export const namesNeeded = [...migrationFiles.flatMap(({ tables }) => tables), migrationsTable];

/** What a schema holds under these names. */
export type SchemaFacts = {
  schema: string;
  /** Whether a service that is not given a schema looks here. */
  isInReach: boolean;
  tables: readonly string[];
  /** The tables, and views and whatever else has such a name. */
  taken: readonly string[];
  /** Whether its ledger is that of an installation. */
  hasMarks: boolean;
  /** The migrations that were applied, or why they are not known. */
  list: readonly string[] | 'none' | 'unreadable' | 'foreign';
};

/** What that means. In a schema that is `free` an installation can be made. */
export type SchemaContent =
  | { kind: 'free' }
  | { kind: 'installed'; listSchema: string }
  | { kind: 'damaged'; missing: readonly string[] }
  | { kind: 'foreign'; names: readonly string[] };

/** Where an installation lies, or is to be made. */
export type InstallationPlace = {
  schema: string;
  /** The schema of its list of migrations. */
  listSchema: string;
  schemaExists: boolean;
  isInstalled: boolean;
  /** All other schemas of the database that hold an installation. */
  others: string[];
};

/** What names a schema: for a service, or for a program that embeds the engine. */
export type SchemaSetting = 'DATABASE_SCHEMA' | 'the option schema';

/** Tells an installation from a free schema, from what another program keeps there, and from one that lacks a part. */
export function contentOf(facts: SchemaFacts, all: readonly SchemaFacts[]): SchemaContent {
  const { schema, list } = facts;
  if (isOurs(list)) return judgeTables(facts, list, schema);
  if (facts.hasMarks && missingOf(facts, firstTables).length === 0) {
    if (list === 'unreadable') return { kind: 'installed', listSchema: schema };
    const before = all.find((other) => other.schema === schemaBefore);
    if (isFree(list) && before && isOurs(before.list) && hasNoneOf(before, firstTables)) {
      return judgeTables(facts, before.list, schemaBefore);
    }
    return { kind: 'damaged', missing: [migrationsTable] };
  }
  // A migration that found no right to go on leaves an empty list.
  const names = facts.taken.filter((name) => name !== migrationsTable || !isFree(list));
  return names.length === 0 ? { kind: 'free' } : { kind: 'foreign', names };
}

/**
 * Chooses the schema. `wanted` is the one that the operator names: it is used, and no other. Without it the only
 * installation in reach counts, else the default. Throws a `StartError` that says what to do.
 */
export function chooseSchema(
  all: readonly SchemaFacts[],
  wanted: string | undefined,
  setting: SchemaSetting,
): InstallationPlace {
  const contents = new Map(all.map((facts) => [facts.schema, contentOf(facts, all)]));
  const known = [...contents].filter(
    ([schema, { kind }]) =>
      kind === 'installed' || (kind === 'damaged' && !isListOfAnother(schema, contents)),
  );
  const schemas = known.map(([schema]) => schema);
  const reached = all.filter(({ isInReach }) => isInReach).map(({ schema }) => schema);
  const inReach = schemas.filter((schema) => reached.includes(schema));
  if (wanted === undefined && inReach.length > 1) throw tooMany(inReach, setting);
  const schema = wanted ?? inReach[0] ?? schemaDefault;
  const content = contents.get(schema) ?? { kind: 'free' };
  if (content.kind === 'foreign') throw foreign(schema, content.names, setting);
  if (content.kind === 'damaged') throw damaged(schema, content.missing, setting);
  if (/["'\\]/.test(schema)) throw unusableName(schema);
  return {
    schema,
    listSchema: content.kind === 'installed' ? content.listSchema : schema,
    schemaExists: contents.has(schema),
    isInstalled: content.kind === 'installed',
    others: schemas.filter((other) => other !== schema),
  };
}

const { name: firstMigration = '', tables: firstTables = [] } = migrationFiles[0] ?? {};

function isOurs(list: SchemaFacts['list'] | undefined): list is readonly string[] {
  return Array.isArray(list) && list.includes(firstMigration);
}

function isFree(list: SchemaFacts['list']): boolean {
  return list === 'none' || (Array.isArray(list) && list.length === 0);
}

function judgeTables(
  facts: SchemaFacts,
  applied: readonly string[],
  listSchema: string,
): SchemaContent {
  const missing = missingOf(facts, tablesOf(applied));
  if (missing.length > 0) return { kind: 'damaged', missing };
  const toCome = migrationFiles.filter(({ name }) => !applied.includes(name));
  const names = tablesOf(toCome.map(({ name }) => name)).filter((t) => facts.taken.includes(t));
  return names.length > 0 ? { kind: 'foreign', names } : { kind: 'installed', listSchema };
}

function tablesOf(migrations: readonly string[]): string[] {
  return migrationFiles.filter(({ name }) => migrations.includes(name)).flatMap((m) => m.tables);
}

function missingOf({ tables }: SchemaFacts, needed: readonly string[]): string[] {
  return needed.filter((table) => !tables.includes(table));
}

function hasNoneOf({ tables }: SchemaFacts, names: readonly string[]): boolean {
  return names.every((name) => !tables.includes(name));
}

/** Whether all that the schema holds is the list of migrations of an installation in another schema. */
function isListOfAnother(schema: string, contents: ReadonlyMap<string, SchemaContent>): boolean {
  return [...contents.values()].some(
    (content) => content.kind === 'installed' && content.listSchema === schema,
  );
}

/**
 * The refusal to make an installation where there is one already: a setting that is wrong, or forgotten, would hide all
 * of its coupons.
 */
export function wouldHide(
  { schema, others: [other = ''] }: InstallationPlace,
  setting: SchemaSetting,
): StartError {
  const isService = setting === 'DATABASE_SCHEMA';
  const assign = (name: string) => (isService ? `${setting}=${name}` : `${setting} to ${name}`);
  const lines = [
    `schema ${schema} has no installation, but schema ${other} has one`,
    `To go on with that one, set ${assign(other)}.`,
    ...(isService
      ? [
          `To make a new one, which shares no coupon with it, run once with`,
          `${assign(schema)}:`,
          '  firstcome migrate --new-installation',
        ]
      : [`To make a new one, which shares no coupon with it, set ${assign(schema)}.`]),
  ];
  return new StartError(lines.join('\n'));
}

function tooMany(schemas: readonly string[], setting: SchemaSetting): StartError {
  return new StartError(
    `this database has ${schemas.length} installations, in the schemas\n` +
      `${joined(schemas)}\n` +
      `Set ${setting} to the one that holds your coupons.`,
  );
}

function foreign(schema: string, names: readonly string[], setting: SchemaSetting): StartError {
  return new StartError(
    `schema ${schema} holds what another program has made, under names that\n` +
      `firstcome needs: ${joined(names)}\n` +
      `Set ${setting} to another schema. One that does not exist is created.`,
  );
}

function damaged(schema: string, missing: readonly string[], setting: SchemaSetting): StartError {
  return new StartError(
    `the installation in schema ${schema} is not complete\n` +
      `Missing: ${joined(missing)}\n` +
      'Restore the whole schema from a backup, or drop what is left of it.\n' +
      `To use another schema, set ${setting}.`,
  );
}

function unusableName(schema: string): StartError {
  return new StartError(
    `the installation lies in a schema whose name holds a quote or a backslash:\n${schema}\n` +
      'Rename the schema (`alter schema ... rename to ...`), and start again.',
  );
}

function joined(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part).join(' and ');
}

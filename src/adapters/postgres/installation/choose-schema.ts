// SPDX-License-Identifier: GPL-3.0-or-later
/** Chooses the schema of the installation from what the schemas of a database hold. */
import { StartError } from '../../../core/errors.ts';
import { migrationFiles } from './migration-files.ts';

/** The schema of an installation by default. */
export const schemaDefault = 'firstcome';

/** The schema in which release 0.1 keeps its list of migrations, independent of the search path. */
export const schemaBefore = 'public';

/** The table that lists the migrations. Other programs use this name too. */
export const migrationsTable = 'schema_migrations';

/** The names of all tables of an installation. */
export const namesNeeded = [...migrationFiles.flatMap(({ tables }) => tables), migrationsTable];

/** What a schema holds under these names. */
export type SchemaFacts = {
  schema: string;
  /** Whether a service without a configured schema searches this one. */
  isCandidate: boolean;
  tables: readonly string[];
  /** Names in use by a table, a view or any other object. */
  taken: readonly string[];
  /** Whether its table stock_ledger is that of an installation. */
  hasOwnLedger: boolean;
  /** The migrations that were applied, or why they are unknown. */
  list: readonly string[] | 'none' | 'unreadable' | 'foreign';
};

/**
 * The meaning of what a schema holds.
 * - `free`: an installation can be created here.
 * - `installed`: there is one.
 * - `damaged`: there is one without all of its tables.
 * - `blocked`: there is one, and another program uses names that this version needs.
 * - `foreign`: there is none, and another program uses such names.
 */
export type SchemaContent =
  | { kind: 'free' }
  | { kind: 'installed'; listSchema: string }
  | { kind: 'damaged'; names: readonly string[] }
  | { kind: 'blocked'; names: readonly string[] }
  | { kind: 'foreign'; names: readonly string[] };

/** Where the installation is, or is to be created. */
export type InstallationLocation = {
  schema: string;
  /** The schema of its list of migrations. */
  listSchema: string;
  schemaExists: boolean;
  isInstalled: boolean;
  /** All other schemas of the database that hold an installation. */
  others: string[];
};

/** What sets the schema: the setting of a service, or the option of an embedded engine. */
export type SchemaSetting = 'DATABASE_SCHEMA' | 'the option schema';

/** Classifies a schema by what it holds. */
export function contentOf(facts: SchemaFacts, all: readonly SchemaFacts[]): SchemaContent {
  const { schema, list } = facts;
  if (isOurs(list)) return classifyTables(facts, list, schema);
  if (facts.hasOwnLedger && missingOf(facts, firstTables).length === 0) {
    if (list === 'unreadable') return { kind: 'installed', listSchema: schema };
    const before = all.find((other) => other.schema === schemaBefore);
    if (isFree(list) && before && isOurs(before.list) && hasNoneOf(before, firstTables)) {
      return classifyTables(facts, before.list, schemaBefore);
    }
    return { kind: 'damaged', names: [migrationsTable] };
  }
  // A first migration that failed for lack of a privilege leaves an empty list.
  const names = facts.taken.filter((name) => name !== migrationsTable || !isFree(list));
  return names.length === 0 ? { kind: 'free' } : { kind: 'foreign', names };
}

/**
 * Chooses the schema: the one that the operator has set (`wanted`), else the only installation among the candidates,
 * else the default. Throws a `StartError` that says what to do.
 */
export function chooseSchema(
  all: readonly SchemaFacts[],
  wanted: string | undefined,
  setting: SchemaSetting,
): InstallationLocation {
  const contents = new Map(all.map((facts) => [facts.schema, contentOf(facts, all)]));
  const known = [...contents].filter(
    ([schema, { kind }]) =>
      kind === 'installed' ||
      kind === 'blocked' ||
      (kind === 'damaged' && !isListOfAnother(schema, contents)),
  );
  const schemas = known.map(([schema]) => schema);
  const candidates = all.filter(({ isCandidate }) => isCandidate).map(({ schema }) => schema);
  const found = schemas.filter((schema) => candidates.includes(schema));
  if (wanted === undefined && found.length > 1) throw tooMany(found, setting);
  const schema = wanted ?? found[0] ?? schemaDefault;
  const content = contents.get(schema) ?? { kind: 'free' };
  if ('names' in content) throw unusable(schema, content, setting);
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

function classifyTables(
  facts: SchemaFacts,
  applied: readonly string[],
  listSchema: string,
): SchemaContent {
  const missing = missingOf(facts, tablesOf(applied));
  if (missing.length > 0) return { kind: 'damaged', names: missing };
  const pending = migrationFiles.filter(({ name }) => !applied.includes(name));
  const names = tablesOf(pending.map(({ name }) => name)).filter((t) => facts.taken.includes(t));
  return names.length > 0 ? { kind: 'blocked', names } : { kind: 'installed', listSchema };
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

/** Whether the schema holds nothing but the list of migrations of an installation in another schema. */
function isListOfAnother(schema: string, contents: ReadonlyMap<string, SchemaContent>): boolean {
  return [...contents.values()].some(
    (content) => content.kind === 'installed' && content.listSchema === schema,
  );
}

// Each line below fits into 80 columns behind the program's name.

/**
 * The refusal to create a second installation: with a wrong or forgotten setting it would hide all coupons of the
 * first.
 */
export function secondInstallation(
  { schema, others: [other = ''] }: InstallationLocation,
  setting: SchemaSetting,
): StartError {
  const isService = setting === 'DATABASE_SCHEMA';
  const assign = (name: string) => (isService ? `${setting}=${name}` : `${setting} to ${name}`);
  return refusal(
    `schema ${schema} has no installation, but schema ${other} has one`,
    ...renameFirst([other]),
    `To continue with that one, set ${assign(other)}.`,
    'To create a new one, which shares no coupon with it,',
    ...(isService
      ? [`run once with ${assign(schema)}:`, '  firstcome migrate --new-installation']
      : [`set ${assign(schema)}.`]),
  );
}

function tooMany(schemas: readonly string[], setting: SchemaSetting): StartError {
  return refusal(
    `this database has ${schemas.length} installations, in the schemas`,
    joined(schemas),
    ...renameFirst(schemas),
    `Set ${setting} to the one that holds your coupons.`,
  );
}

function unusable(
  schema: string,
  { kind, names }: Extract<SchemaContent, { names: unknown }>,
  setting: SchemaSetting,
): StartError {
  switch (kind) {
    case 'damaged':
      return refusal(
        `the installation in schema ${schema} is not complete`,
        `Missing: ${joined(names)}`,
        'Restore the whole schema from a backup, or drop what is left of it.',
        `To use another schema, set ${setting}.`,
      );
    case 'blocked':
      return refusal(
        `beside the installation in schema ${schema}, another program uses`,
        `names that this version needs: ${joined(names)}`,
        'Rename its objects, or move them to another schema.',
      );
    case 'foreign':
      return refusal(
        `in schema ${schema} another program uses names that firstcome`,
        `needs: ${joined(names)}`,
        `Set ${setting} to another schema.`,
        'A schema that does not exist is created.',
      );
  }
}

function unusableName(schema: string): StartError {
  return refusal(
    "the name of the installation's schema has a quote or a backslash:",
    schema,
    'Rename the schema (`alter schema ... rename to ...`), and start again.',
  );
}

/** Advice for schemas whose names a setting does not accept. */
function renameFirst(schemas: readonly string[]): string[] {
  return schemas.every((schema) => /^[a-z_][a-z0-9_]*$/.test(schema))
    ? []
    : ['First rename a schema whose name has other characters than a-z, 0-9, _.'];
}

function refusal(...lines: string[]): StartError {
  return new StartError(lines.join('\n'));
}

function joined(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part).join(' and ');
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { chooseSchema, contentOf, migrationsTable, type SchemaFacts } from './choose-schema.ts';
import { migrationFiles } from './migration-files.ts';

const all = migrationFiles.map(({ name }) => name);
const tables = migrationFiles.flatMap((migration) => migration.tables);
const first = migrationFiles[0] ?? { name: '', tables: [] };

function facts(schema: string, given: Partial<SchemaFacts> = {}): SchemaFacts {
  const known = given.tables ?? [];
  return {
    ...{ schema, isInReach: true, tables: known, taken: known, hasMarks: false, list: 'none' },
    ...given,
  };
}

const installed = (schema: string) =>
  facts(schema, { tables: [...tables, migrationsTable], hasMarks: true, list: all });

const choose = (schemas: SchemaFacts[], wanted?: string) =>
  chooseSchema(schemas, wanted, 'DATABASE_SCHEMA');

describe('the names in a schema', () => {
  it.each<[string, SchemaFacts, object]>([
    ['none of ours', facts('sale'), { kind: 'free' }],
    [
      'a list that an attempt without rights left empty',
      facts('sale', { tables: [migrationsTable], list: [] }),
      { kind: 'free' },
    ],
    ['all of ours', installed('sale'), { kind: 'installed', listSchema: 'sale' }],
    [
      'those of an earlier release',
      facts('sale', { tables: [...first.tables, migrationsTable], list: [first.name] }),
      { kind: 'installed', listSchema: 'sale' },
    ],
    [
      'ours, with a list that this role may not read',
      facts('sale', {
        tables: [...first.tables, migrationsTable],
        hasMarks: true,
        list: 'unreadable',
      }),
      { kind: 'installed', listSchema: 'sale' },
    ],
    [
      'ours without a table that a migration made',
      facts('sale', { tables: ['claims', 'coupons', migrationsTable], list: [first.name] }),
      { kind: 'damaged', names: ['stock_ledger'] },
    ],
    [
      'ours without the list of migrations',
      facts('sale', { tables, hasMarks: true }),
      { kind: 'damaged', names: [migrationsTable] },
    ],
    [
      'coupons of another program',
      facts('sale', { tables: ['coupons'] }),
      { kind: 'foreign', names: ['coupons'] },
    ],
    [
      'the list of migrations of another program, whose form is another one',
      facts('sale', { tables: [migrationsTable], list: 'foreign' }),
      { kind: 'foreign', names: [migrationsTable] },
    ],
    [
      'the list of migrations of another program, with names that are not ours',
      facts('sale', { tables: [migrationsTable], list: ['0001_users'] }),
      { kind: 'foreign', names: [migrationsTable] },
    ],
    [
      'a view that is called like a table',
      facts('sale', { taken: ['claims'] }),
      { kind: 'foreign', names: ['claims'] },
    ],
    [
      'ours of an earlier release, and a table that the next migration would make',
      facts('sale', { tables: [...tables, migrationsTable], list: [first.name] }),
      { kind: 'blocked', names: tables.filter((table) => !first.tables.includes(table)) },
    ],
  ])('%s', (_, schema, content) => {
    expect(contentOf(schema, [schema])).toEqual(content);
  });

  it('belong to a list of migrations in public, where release 0.1 has put it', () => {
    const inSale = facts('sale', { tables: first.tables, hasMarks: true });
    const inPublic = facts('public', { tables: [migrationsTable], list: [first.name] });
    const place = { schema: 'sale', listSchema: 'public', isInstalled: true, others: [] };
    expect(choose([inPublic, inSale])).toMatchObject(place);
    expect(choose([inPublic, inSale], 'sale')).toMatchObject(place);
  });
});

describe('without a setting', () => {
  it('the schema is firstcome where there is no installation, whatever other programs keep elsewhere', () => {
    const place = { schema: 'firstcome', listSchema: 'firstcome', isInstalled: false, others: [] };
    expect(choose([])).toEqual({ ...place, schemaExists: false });
    expect(choose([facts('firstcome')])).toEqual({ ...place, schemaExists: true });
    expect(choose([facts('public', { tables: ['coupons'] })])).toMatchObject(place);
  });

  it.each(['firstcome', 'public', 'Shop one'])('the only installation is used, in %s', (schema) => {
    expect(choose([facts('public'), installed(schema)])).toMatchObject({
      schema,
      isInstalled: true,
    });
  });

  it('one out of reach is named, and neither used nor counted', () => {
    const elsewhere = { ...installed('sale'), isInReach: false };
    expect(choose([elsewhere])).toMatchObject({
      ...{ schema: 'firstcome', isInstalled: false, others: ['sale'] },
    });
    expect(choose([elsewhere, installed('public')])).toMatchObject({
      ...{ schema: 'public', isInstalled: true, others: ['sale'] },
    });
  });

  it('two installations are refused, by their names', () => {
    expect(() => choose([installed('firstcome'), installed('public')])).toThrow(
      'this database has 2 installations, in the schemas\nfirstcome and public\nSet DATABASE_SCHEMA',
    );
  });

  it('an installation that lacks a part counts as one, and is refused', () => {
    const damaged = facts('public', { tables: ['coupons', migrationsTable], list: all });
    expect(() => choose([damaged])).toThrow('the installation in schema public is not complete');
    expect(() => choose([damaged, installed('firstcome')])).toThrow('2 installations');
  });

  it('an installation beside a name that this version needs counts as one, and is refused', () => {
    const blocked = facts('public', {
      tables: [...tables, migrationsTable],
      list: [first.name],
    });
    expect(() => choose([blocked])).toThrow('taken names that this version needs: installation');
    expect(() => choose([blocked, installed('firstcome')])).toThrow('2 installations');
  });

  it('a name that no setting can hold is to be changed first', () => {
    expect(() => choose([installed('Shop'), installed('public')])).toThrow('First rename a schema');
  });

  it('names of another program in firstcome are refused', () => {
    expect(() => choose([facts('firstcome', { tables: ['claims'] })])).toThrow(
      'schema firstcome holds something else under names that',
    );
  });

  it.each(['a"b', "a'b", 'a\\b'])(
    'a name that cannot be quoted everywhere is refused: %s',
    (name) => {
      expect(() => choose([installed(name)])).toThrow('Rename the schema');
    },
  );
});

describe('with a setting', () => {
  it('exactly that schema is used, and others are named', () => {
    const both = [installed('firstcome'), installed('public')];
    expect(choose(both, 'public')).toMatchObject({ schema: 'public', others: ['firstcome'] });
    expect(choose(both, 'sale')).toEqual({
      ...{ schema: 'sale', listSchema: 'sale', schemaExists: false, isInstalled: false },
      others: ['firstcome', 'public'],
    });
  });

  it('what another program or a damaged installation has there is refused', () => {
    expect(() => choose([facts('sale', { tables: ['coupons', 'claims'] })], 'sale')).toThrow(
      'names that\nfirstcome needs: coupons and claims',
    );
    expect(() => choose([facts('sale', { tables, hasMarks: true })], 'sale')).toThrow(
      'Missing: schema_migrations',
    );
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { chooseSchema, contentOf, migrationsTable, type SchemaFacts } from './choose-schema.ts';
import { migrationFiles } from './migration-files.ts';

const all = migrationFiles.map(({ name }) => name);
const tables = migrationFiles.flatMap((migration) => migration.tables);
const first = migrationFiles[0] ?? { name: '', tables: [], isCompatible: true };

function facts(schema: string, given: Partial<SchemaFacts> = {}): SchemaFacts {
  const known = given.tables ?? [];
  return {
    ...{
      schema,
      isCandidate: true,
      tables: known,
      taken: known,
      hasOwnLedger: false,
      list: 'none',
    },
    ...given,
  };
}

const installed = (schema: string) =>
  facts(schema, { tables: [...tables, migrationsTable], hasOwnLedger: true, list: all });

const choose = (schemas: SchemaFacts[], wanted?: string) =>
  chooseSchema(schemas, wanted, 'DATABASE_SCHEMA');

describe('contentOf', () => {
  it.each<[string, SchemaFacts, object]>([
    ['a schema without our names', facts('sale'), { kind: 'free' }],
    [
      'an empty list that a migration without privileges left',
      facts('sale', { tables: [migrationsTable], list: [] }),
      { kind: 'free' },
    ],
    [
      'a schema with all of our tables',
      installed('sale'),
      { kind: 'installed', listSchema: 'sale' },
    ],
    [
      'a schema with the tables of an earlier release',
      facts('sale', { tables: [...first.tables, migrationsTable], list: [first.name] }),
      { kind: 'installed', listSchema: 'sale' },
    ],
    [
      'a schema with our tables and a list that this role may not read',
      facts('sale', {
        tables: [...first.tables, migrationsTable],
        hasOwnLedger: true,
        list: 'unreadable',
      }),
      { kind: 'installed', listSchema: 'sale' },
    ],
    [
      'a schema without a table that a migration created',
      facts('sale', { tables: ['claims', 'coupons', migrationsTable], list: [first.name] }),
      { kind: 'damaged', names: ['stock_ledger'] },
    ],
    [
      'a schema with our tables and no list of migrations',
      facts('sale', { tables, hasOwnLedger: true }),
      { kind: 'damaged', names: [migrationsTable] },
    ],
    [
      'a table coupons of another program',
      facts('sale', { tables: ['coupons'] }),
      { kind: 'foreign', names: ['coupons'] },
    ],
    [
      'a list of migrations of another program with other columns',
      facts('sale', { tables: [migrationsTable], list: 'foreign' }),
      { kind: 'foreign', names: [migrationsTable] },
    ],
    [
      'a list of migrations of another program with other names',
      facts('sale', { tables: [migrationsTable], list: ['0001_users'] }),
      { kind: 'foreign', names: [migrationsTable] },
    ],
    [
      'a view with the name of one of our tables',
      facts('sale', { taken: ['claims'] }),
      { kind: 'foreign', names: ['claims'] },
    ],
    [
      'tables of an earlier release beside a table that the next migration would create',
      facts('sale', { tables: [...tables, migrationsTable], list: [first.name] }),
      { kind: 'blocked', names: tables.filter((table) => !first.tables.includes(table)) },
    ],
  ])('classifies %s', (_, schema, content) => {
    expect(contentOf(schema, [schema])).toEqual(content);
  });

  it('finds the list of migrations in public, where release 0.1 has put it', () => {
    const inSale = facts('sale', { tables: first.tables, hasOwnLedger: true });
    const inPublic = facts('public', { tables: [migrationsTable], list: [first.name] });
    const location = { schema: 'sale', listSchema: 'public', isInstalled: true, others: [] };
    expect(choose([inPublic, inSale])).toMatchObject(location);
    expect(choose([inPublic, inSale], 'sale')).toMatchObject(location);
  });
});

describe('chooseSchema without a setting', () => {
  it('returns firstcome when there is no installation, whatever other programs have in other schemas', () => {
    const location = {
      schema: 'firstcome',
      listSchema: 'firstcome',
      isInstalled: false,
      others: [],
    };
    expect(choose([])).toEqual({ ...location, schemaExists: false });
    expect(choose([facts('firstcome')])).toEqual({ ...location, schemaExists: true });
    expect(choose([facts('public', { tables: ['coupons'] })])).toMatchObject(location);
  });

  it.each(['firstcome', 'public', 'Shop one'])(
    'returns the only installation, in schema %s',
    (schema) => {
      expect(choose([facts('public'), installed(schema)])).toMatchObject({
        schema,
        isInstalled: true,
      });
    },
  );

  it('lists an installation outside the search path, and does not use it', () => {
    const outside = { ...installed('sale'), isCandidate: false };
    expect(choose([outside])).toMatchObject({
      ...{ schema: 'firstcome', isInstalled: false, others: ['sale'] },
    });
    expect(choose([outside, installed('public')])).toMatchObject({
      ...{ schema: 'public', isInstalled: true, others: ['sale'] },
    });
  });

  it('refuses two installations and names them', () => {
    expect(() => choose([installed('firstcome'), installed('public')])).toThrow(
      'this database has 2 installations, in the schemas\nfirstcome and public\nSet DATABASE_SCHEMA',
    );
  });

  it('counts and refuses an installation without all of its tables', () => {
    const damaged = facts('public', { tables: ['coupons', migrationsTable], list: all });
    expect(() => choose([damaged])).toThrow('the installation in schema public is not complete');
    expect(() => choose([damaged, installed('firstcome')])).toThrow('2 installations');
  });

  it('counts and refuses an installation beside a name of another program that this version needs', () => {
    const blocked = facts('public', {
      tables: [...tables, migrationsTable],
      list: [first.name],
    });
    expect(() => choose([blocked])).toThrow('names that this version needs: installation');
    expect(() => choose([blocked, installed('firstcome')])).toThrow('2 installations');
  });

  it('advises to rename a schema whose name a setting does not accept', () => {
    expect(() => choose([installed('Shop'), installed('public')])).toThrow('First rename a schema');
  });

  it('refuses names of another program in firstcome', () => {
    expect(() => choose([facts('firstcome', { tables: ['claims'] })])).toThrow(
      'in schema firstcome another program uses names that firstcome\nneeds: claims',
    );
  });

  it.each(['a"b', "a'b", 'a\\b'])(
    'refuses a schema whose name SQL cannot quote everywhere: %s',
    (name) => {
      expect(() => choose([installed(name)])).toThrow('Rename the schema');
    },
  );
});

describe('chooseSchema with a setting', () => {
  it('returns exactly that schema, and lists the others', () => {
    const both = [installed('firstcome'), installed('public')];
    expect(choose(both, 'public')).toMatchObject({ schema: 'public', others: ['firstcome'] });
    expect(choose(both, 'sale')).toEqual({
      ...{ schema: 'sale', listSchema: 'sale', schemaExists: false, isInstalled: false },
      others: ['firstcome', 'public'],
    });
  });

  it('refuses a schema with names of another program or a damaged installation', () => {
    expect(() => choose([facts('sale', { tables: ['coupons', 'claims'] })], 'sale')).toThrow(
      'needs: coupons and claims',
    );
    expect(() => choose([facts('sale', { tables, hasOwnLedger: true })], 'sale')).toThrow(
      'Missing: schema_migrations',
    );
  });
});

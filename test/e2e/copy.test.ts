// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type BundledPostgres,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import {
  plantHeldCoupon,
  readSale,
  runSale,
  withBundled,
  withDatabase,
} from '../support/sale-process.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { systemPostgresBinDir } from '../support/system-postgres.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const binDir = systemPostgresBinDir();

let folder: string;
let dataDir: string;
let claims: string[];
/** PostgreSQL of the system, or another bundled one where there is none. */
let external: BundledPostgres;
let names = 0;

beforeAll(async () => {
  folder = await createTemporaryFolder('copy');
  dataDir = newPath('data');
  claims = await runSale({ DATA_DIR: dataDir }, { coupon: 'sale', end: 'stopped' });
  await withBundled(dataDir, (url) => plantHeldCoupon(url, 'held'));
  external = await startBundledPostgres({
    ...{ dataDir: newPath('external'), say: () => undefined, log: () => undefined },
    ...(binDir !== undefined && { binDir }),
  });
});

afterEach(endServiceProcesses);
afterAll(async () => {
  await external.stop();
  await removeTemporaryFolder(folder);
});

function newPath(name: string): string {
  names += 1;
  return join(folder, `${name}-${names}`);
}

/** A new database on the server outside, by its URL. */
async function newDatabase(): Promise<string> {
  names += 1;
  const name = `copy_${names}`;
  await withDatabase(external.url, (client) => client.query(`create database ${name}`));
  return external.url.replace(/\/[^/]*$/, `/${name}`);
}

const copy = (url: string, folderName: string, to: 'database-url' | 'data-dir') =>
  runToEnd({ DATABASE_URL: url, DATA_DIR: folderName }, ['copy', '--to', to]);

/** Every row of every copied table, as text. */
function allRows(url: string): Promise<unknown[]> {
  return withDatabase(url, async (client) => {
    const tables = [
      ...['coupons', 'claims', 'released_claims', 'redemptions'],
      ...['stock_ledger', 'operator_log'],
    ];
    const results = [];
    for (const table of tables) {
      results.push(
        await client.query(`select to_jsonb(t)::text as row from ${table} t order by 1`),
      );
    }
    return results.map(({ rows }) => rows);
  });
}

const identityIn = (url: string) =>
  withDatabase(url, async (client) => (await client.query('select id from installation')).rows);

/** Whether the tables of the coupons exist and have rows. */
const couponsIn = (url: string) =>
  withDatabase(url, async (client) => (await client.query('select name from coupons')).rowCount);

describe('firstcome copy', () => {
  it('copies every row to another version of PostgreSQL and back', async () => {
    const [url, back] = [await newDatabase(), newPath('back')];
    const there = await copy(url, dataDir, 'database-url');
    expect(there.code, there.output).toBe(0);
    expect(there.output).toContain('copied claims: 24 rows\n');
    expect(there.output).toContain('copied released_claims: 3 rows\n');
    expect(there.output).toContain('copied redemptions: 1 row');
    expect(await readSale(url, 'sale')).toEqual({ claims, findings: [] });
    const home = await copy(url, back, 'data-dir');
    expect(home.code, home.output).toBe(0);
    expect(await withBundled(back, (inBack) => readSale(inBack, 'sale'))).toEqual({
      ...{ claims, findings: [] },
    });
    const [source, copied] = [await withBundled(dataDir, allRows), await allRows(url)];
    expect(copied).toEqual(source);
    expect(await withBundled(back, allRows)).toEqual(source);
  });

  it('gives the copy an identity of its own, and new coupons new ids', async () => {
    const url = await newDatabase();
    const copied = await copy(url, dataDir, 'database-url');
    expect(copied.code, copied.output).toBe(0);
    expect(await identityIn(url)).not.toEqual(await withBundled(dataDir, identityIn));
    expect(await runSale({ DATABASE_URL: url }, { coupon: 'next', end: 'stopped' })).toHaveLength(
      20,
    );
    expect(await readSale(url, 'sale')).toEqual({ claims, findings: [] });
  });

  it('copies nothing into a database that has rows', async () => {
    const url = await newDatabase();
    await runSale({ DATABASE_URL: url }, { coupon: 'other', end: 'stopped' });
    const before = await allRows(url);
    const { code, output } = await copy(url, dataDir, 'database-url');
    expect(code).toBe(1);
    expect(output).toContain('the table coupons of the target has rows; nothing was copied');
    expect(await allRows(url)).toEqual(before);
  });

  it('is refused while a service is connected to the source or to the target', async () => {
    const url = await newDatabase();
    const service = await startServiceProcess({ DATABASE_URL: url });
    const toUrl = await copy(url, dataDir, 'database-url');
    expect(toUrl.code).toBe(1);
    expect(toUrl.output).toContain('a service is connected to the target');
    const back = newPath('back');
    const fromUrl = await copy(url, back, 'data-dir');
    expect(fromUrl.code).toBe(1);
    expect(fromUrl.output).toContain('a service is connected to the source');
    service.signal('SIGTERM');
    await service.ended();
    const running = await startServiceProcess({ DATA_DIR: dataDir });
    const inUse = await copy(url, dataDir, 'database-url');
    expect(inUse.code).toBe(1);
    expect(inUse.output).toContain(`is in use by process ${running.pid}`);
    running.signal('SIGTERM');
    await running.ended();
    expect(await couponsIn(url)).toBe(0);
  });

  it('copies nothing from a source with broken consistency rules, and names the rules', async () => {
    const [url, back] = [await newDatabase(), newPath('back')];
    await runSale({ DATABASE_URL: url }, { coupon: 'sale', end: 'stopped' });
    await withDatabase(url, (client) => client.query('delete from claims where position = 7'));
    const { code, output } = await copy(url, back, 'data-dir');
    expect(code).toBe(1);
    expect(output).toContain('firstcome: claims-match-stock: ');
    expect(await withBundled(back, couponsIn)).toBe(0);
  });

  it('copies nothing when the target refuses a row in the middle', async () => {
    const url = await newDatabase();
    const migrated = await runToEnd({ DATABASE_URL: url }, ['migrate']);
    expect(migrated.code, migrated.output).toBe(0);
    await withDatabase(url, (client) =>
      client.query('alter table stock_ledger add constraint refused check (seq < 2)'),
    );
    const { code, output } = await copy(url, dataDir, 'database-url');
    expect(code).toBe(1);
    expect(output).toContain('the copy did not finish: ');
    expect(await couponsIn(url)).toBe(0);
  });

  it('needs DATABASE_URL, and a database in DATA_DIR to copy from', async () => {
    const missing = newPath('missing');
    expect(await runToEnd({ DATA_DIR: dataDir }, ['copy', '--to', 'data-dir'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('set DATABASE_URL') },
    });
    expect(await copy(external.url, missing, 'database-url')).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('there is no database in DATA_DIR') },
    });
  });
});

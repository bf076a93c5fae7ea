// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Crowd, range, tally } from '../support/crowd.ts';
import { patience } from '../support/service.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';

const name = `test_${randomBytes(6).toString('hex')}`;
const server = new pg.Pool({ connectionString: inject('postgresUrl'), max: 1 });
const crowd = new Crowd();
let url: string;
let env: Record<string, string>;

beforeAll(async () => {
  await server.query(`create database ${name}`);
  const place = new URL(inject('postgresUrl'));
  place.pathname = `/${name}`;
  url = place.href;
  env = { ...patience, DATABASE_URL: url };
});

afterAll(async () => {
  crowd.close();
  await endServiceProcesses();
  await server.query(`drop database if exists ${name} with (force)`);
  await server.end();
});

describe('an empty database', () => {
  it('is migrated once by several starts at the same time, and all of them serve', async () => {
    const [migrated, ...services] = await Promise.all([
      runToEnd(env, ['migrate']),
      ...range(3).map(() => startServiceProcess(env)),
    ]);
    expect(migrated?.code, migrated?.output).toBe(0);
    const [first] = services;
    await crowd.createCoupon(first?.url ?? '', 'LAUNCH', 3);
    const answers = await Promise.all(
      services.map((service, index) =>
        crowd.claim(service.url, { couponName: 'LAUNCH', userId: `user-${index}` }),
      ),
    );
    expect(tally(answers)).toEqual({ 200: 3 });

    const database = new pg.Client({ connectionString: url });
    await database.connect();
    const applied = await database.query(
      'select name, count(*)::integer as times from schema_migrations group by name order by name',
    );
    await database.end();
    expect(applied.rows.length).toBeGreaterThan(0);
    expect(applied.rows.every(({ times }) => times === 1)).toBe(true);
  }, 180_000);

  it('is left as it is by a migration that finds nothing to do', async () => {
    expect(await runToEnd(env, ['migrate'])).toMatchObject({
      code: 0,
      output: 'up to date\nschema firstcome\n',
    });
  });
});

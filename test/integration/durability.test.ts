// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  // A setting of the database, which every session in it gets; the server's own setting is safe.
  const [row] = await database.query<{ name: string }>('select current_database() as name');
  await database.query(`alter database ${row?.name} set synchronous_commit = off`);
});

afterAll(async () => {
  await database.drop();
});

it('a start refuses a database that can lose claims, and says what to do', async () => {
  await expect(startService({ DATABASE_URL: database.url })).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringMatching(/synchronous_commit is off\nTurn it on; .*--unsafe-durability/),
  });
});

it('a start accepts an unsafe database when that is allowed, and its health says so', async () => {
  const app = await startService({ DATABASE_URL: database.url, UNSAFE_DURABILITY: 'true' });
  try {
    const answer = await fetch(`${app.url}/health`);
    expect(await answer.json()).toMatchObject({ status: 'healthy', durability: 'unsafe' });
  } finally {
    await app.stop();
  }
});

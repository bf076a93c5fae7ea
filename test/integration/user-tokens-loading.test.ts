// SPDX-License-Identifier: GPL-3.0-or-later
/** What a service loads for user tokens: nothing without keys. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { lackingPackage } from '../support/lacking-package.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { acceptTokens, newSigningKey, toPem } from '../support/user-tokens.ts';

let folder: string;
let database: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await createTemporaryFolder('without-jose');
  database = await createTestDatabase();
  env = { DATABASE_URL: database.url, ...(await lackingPackage(folder, 'jose')) };
});
afterEach(() => endServiceProcesses());
afterAll(async () => {
  await database.drop();
  await removeTemporaryFolder(folder);
});

it('without keys the package is not loaded', async () => {
  const service = await startServiceProcess(env);
  expect(service.output()).not.toContain('asked for jose');
});

it('with keys a missing package ends the start, with its name', async () => {
  const tokens = acceptTokens(folder, toPem(newSigningKey('EdDSA', 'unused')));
  const { code, output } = await runToEnd({ ...env, ...tokens });
  expect(code).not.toBe(0);
  expect(output).toContain('USER_TOKEN_KEYS is set, but the package jose is not installed');
  expect(output).not.toMatch(/serves on|node_modules|at \S+ \(/);
});

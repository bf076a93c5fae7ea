// SPDX-License-Identifier: GPL-3.0-or-later
/** The example of docs/user-tokens.md, run as a reader would run it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ContractService } from '../support/contract-service.ts';
import {
  type DocumentedProgram,
  exampleIn,
  startDocumentedProgram,
} from '../support/documented-program.ts';
import { createTestDatabase } from '../support/test-database.ts';

const run = promisify(execFile);
const page = readFileSync(join(import.meta.dirname, '../../docs/user-tokens.md'), 'utf8');
const linesMax = 16;
const service = new ContractService();
let login: DocumentedProgram;

beforeAll(async () => {
  login = await startDocumentedProgram('user-tokens.md', {});
  service.database = await createTestDatabase();
  await service.start(settingsOfExample());
});
afterAll(async () => {
  await service.stop();
  await service.database?.drop();
  await login?.stop();
});

/** The settings with which the page starts the service. */
function settingsOfExample(): Record<string, string> {
  const settings = [...page.matchAll(/\b(USER_TOKEN_\w+)=(\S+)(?= |$)/gm)];
  return Object.fromEntries(settings.slice(0, 3).map(([, name, value]) => [name, here(value)]));
}

/** A text with the addresses of this test. */
function here(text = ''): string {
  return text
    .replaceAll('http://127.0.0.1:9100', login.url)
    .replaceAll('http://127.0.0.1:8080', service.app?.url);
}

it('claims, reads and releases with the commands of the page', async () => {
  expect(exampleIn('user-tokens.md', 'js').trim().split('\n').length).toBeLessThanOrEqual(linesMax);
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
  const script = blocks.filter((block) => block.includes('curl')).join('\n');
  const { stdout } = await run('bash', ['-ec', here(script)]);
  const answers = stdout.split(/(?<=\})(?=\{)/).map((text) => JSON.parse(text));
  expect(answers).toMatchObject([
    { name: 'FOR-USERS', amount: 100 },
    { message: 'coupon claimed', user_id: 'ada', state: 'reserved' },
    { user_id: 'ada', state: 'reserved' },
    { user_id: 'ada', state: 'released' },
  ]);
});

it('refuses what the page says', async () => {
  const token = await (await fetch(`${login.url}/token?user=eve`)).text();
  const headers = { Authorization: `Bearer ${token}` };
  const path = '/api/coupons/FOR-USERS/claims/ada';
  expect((await service.client.get(path, headers)).status).toBe(403);
  expect((await service.client.get(path)).status).toBe(401);
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** The commands of `docs/claims.md`, one after the other, as a reader runs them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { useService } from '../support/contract-service.ts';

const root = join(import.meta.dirname, '../..');
const service = useService();
const folder = mkdtempSync(join(tmpdir(), 'firstcome-claims-page-'));

afterAll(() => rmSync(folder, { recursive: true }));

it('every command of the page on claims answers as the page says', async () => {
  const page = readFileSync(join(root, 'docs/claims.md'), 'utf8');
  const blocks = [...page.matchAll(/```sh\n([\s\S]+?)```/g)].map(([, block = '']) => block);
  const { port } = service.client;
  // Each answer ends its line, and the command is that of the source.
  const commands = [
    'curl() { command curl "$@"; echo; }',
    `firstcome() { (cd '${root}' && node --import tsx src/main.ts "$@"); }`,
  ];
  const script = ['set -euo pipefail', ...commands, ...blocks]
    .join('\n')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replaceAll('./dist/main.js', 'firstcome');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: String(port) },
  });
  const bodies = stdout
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  expect(bodies).toMatchObject([
    { name: 'CART', hold_seconds: 600 },
    { position: 1, state: 'reserved' },
    { position: 1, state: 'released', reason: 'payment failed' },
    { position: 2, state: 'confirmed' },
    { position: 2, state: 'redeemed' },
    {
      results: [
        { code: 'already_claimed', claim: { position: 2 } },
        { code: 'sold_out' },
        { code: 'invalid_request' },
      ],
    },
    { claims: [{ position: 1, state: 'released' }] },
    { claims: [{ position: 2 }] },
    { claims: [{ position: 1 }, { position: 2 }] },
  ]);
  const repeated = JSON.parse(readFileSync(join(folder, 'redeem.json'), 'utf8'));
  expect(repeated).toMatchObject({ position: 2, state: 'redeemed' });
  expect(stdout).toMatch(/^200$/m);
  expect(stdout).toMatch(/^state {8}redeemed$/m);
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** The programs of docs/client.md, run as a reader would run them, against a service without keys. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplesIn } from '../support/documented-program.ts';
import {
  endServiceProcesses,
  launch,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');

let folder: string;
let service: ServiceProcess;
beforeAll(async () => {
  folder = await createTemporaryFolder('client-documentation');
  service = await startServiceProcess({ ...patience, DATA_DIR: join(folder, 'data') });
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/firstcome'));
});
afterAll(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

async function run(name: string, text: string): Promise<string[]> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, text.replaceAll('http://127.0.0.1:8080', service.url));
  const program = launch({}, [], [process.execPath, file]);
  const { code } = await program.ended();
  expect(code, program.output()).toBe(0);
  return program.output().trimEnd().split('\n');
}

it('each program of the page prints what the page says', async () => {
  const [claim = '', ...others] = examplesIn('client.md', 'js');
  expect(await run('claim', claim)).toEqual(['yours: number 1']);

  // The later programs go on with the client of the first one.
  const [start = ''] = claim.split('\n\nawait');
  const outputs = [];
  for (const [index, text] of others.entries()) {
    outputs.push(await run(`program-${index}`, `${start}\n${text}`));
  }
  expect(outputs).toEqual([['confirmed'], ['100'], ['LAUNCH 1', 'ada'], ['1 left']]);
});

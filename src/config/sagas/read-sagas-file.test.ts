// SPDX-License-Identifier: GPL-3.0-or-later
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { ConfigError, describeConfig, loadConfig, printConfig } from '../../config.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function fileWith(content: string, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-sagas-'));
  folders.push(folder);
  const path = join(folder, 'file');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function sagasFile(secret: { secret_env: string } | { secret_file: string }): string {
  const step = { name: 'code', kind: 'http', participant: 'mailer', run: '/codes', undo: '/codes' };
  return fileWith(
    JSON.stringify({
      participants: { mailer: { url: 'http://127.0.0.1:9103', ...secret } },
      sagas: { checkout: { steps: [step] } },
    }),
  );
}

function mistakesIn(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

const secret = 'hunter2'.repeat(5);

it('has no sagas without a file', () => {
  const { sagas } = loadConfig({});
  expect(sagas).toEqual({ file: undefined, definitions: new Map(), participants: new Map() });
});

it('reads the sagas of the file, and their secrets from the environment or from files', () => {
  const secretFile = fileWith(`${secret}\n`);
  const ways = [
    { SAGAS_FILE: sagasFile({ secret_env: 'MAILER_SECRET' }), MAILER_SECRET: secret },
    { SAGAS_FILE: sagasFile({ secret_file: secretFile }) },
  ];
  for (const env of ways) {
    const config = loadConfig(env);
    const { definitions, participants } = config.sagas;
    expect(definitions.get('checkout')?.steps).toHaveLength(1);
    const found = participants.get('mailer')?.secret.reveal() ?? '';
    expect(atob(found.slice('whsec_'.length))).toBe(secret);
    expect(config.warnings).toEqual([]);
    expect(describeConfig(config)).toContainEqual({
      ...{ variable: 'SAGAS_FILE', value: env.SAGAS_FILE, source: 'environment' },
    });
    for (const printed of [printConfig(config), JSON.stringify(config), inspect(config)]) {
      expect(printed).not.toMatch(/hunter|whsec/);
    }
  }
});

it('refuses a file that is missing, a folder or huge, and says why', () => {
  const mistakesAbout = (path: string) => mistakesIn({ SAGAS_FILE: path }).join('\n');
  const cannot = 'SAGAS_FILE must name a file that can be read, but';
  expect(mistakesAbout('/nowhere')).toBe(`${cannot} "/nowhere" cannot: there is no such file`);
  expect(mistakesAbout('{"sagas": {}}')).toBe(
    `${cannot} what it says cannot: there is no such file`,
  );
  expect(mistakesAbout(tmpdir())).toMatch(/cannot: it is a folder$/);
  expect(mistakesAbout(fileWith(' '.repeat(262_145)))).toMatch(/cannot: it is over 262144 bytes$/);
});

it.skipIf(process.getuid?.() === 0)('refuses a file that it may not read', () => {
  expect(mistakesIn({ SAGAS_FILE: fileWith('{}', 0o000) }).join()).toMatch(/permission denied$/);
});

it('reports the mistakes in the file together with those in other settings', () => {
  const env = { PORT: 'x', SAGAS_FILE: sagasFile({ secret_env: 'MAILER_SECRET' }) };
  expect(mistakesIn(env)).toEqual([
    expect.stringMatching(/^PORT must be/),
    'SAGAS_FILE: participants.mailer.secret_env names an environment variable that is not set',
  ]);
});

it.skipIf(process.platform === 'win32')(
  'warns when other users can read the file of a secret',
  () => {
    const { warnings } = loadConfig({
      SAGAS_FILE: sagasFile({ secret_file: fileWith(secret, 0o644) }),
    });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^SAGAS_FILE: participants.mailer.secret_file names ".*", which other users of this machine can read$/,
      ),
    ]);
  },
);

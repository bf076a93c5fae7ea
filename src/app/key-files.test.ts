// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FixedClock } from '../../test/support/fixed-clock.ts';
import { accepted, newSigningKey, toKeySet } from '../../test/support/user-tokens.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { loadConfig } from '../config.ts';
import { currentKeys } from './api-keys.ts';
import { KeyFiles } from './key-files.ts';

const key = (name: string) => name.repeat(40).slice(0, 40);
let folder: string;
const path = (name: string) => join(folder, name);
const write = (name: string, text: string) => writeFileSync(path(name), text, { mode: 0o600 });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-keys-'));
  write('admin', key('admin1'));
  write('claim', key('claim1'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type LogLine = { level: string; message: string; changed?: string[]; mistakes?: string[] };

/** Key files that are followed. `pass` lets time pass until a condition holds. */
function follow(env: Record<string, string> = {}) {
  const clock = new FixedClock();
  const lines: LogLine[] = [];
  const config = loadConfig({
    ...{ ADMIN_API_KEY_FILE: path('admin'), ADMIN_API_KEY_NEXT_FILE: path('admin-next') },
    CLAIM_API_KEY_FILE: path('claim'),
    ...env,
  });
  const current = currentKeys(config);
  const line = (level: string) => (event: unknown, message?: string) => {
    const text = message ?? String(event);
    lines.push({ ...(typeof event === 'object' ? event : {}), level, message: text });
  };
  const log = { info: line('info'), warn: line('warn'), error: line('error') } as never;
  const files = new KeyFiles({ config, current, log, clock });
  const stop = files.watchUntil(async () => undefined);
  const pass = (what: string, isReached: () => boolean) =>
    waitFor(what, async () => {
      await clock.advance(1000);
      return isReached();
    });
  const polls = (count: number) => {
    let left = count;
    return pass('poll', () => left-- === 0);
  };
  return { current, files, lines, pass, polls, stop };
}

it('a new key in a file is valid without a signal, and the log names it', async () => {
  const { current, lines, pass, stop } = follow();
  write('new', key('admin2'));
  renameSync(path('new'), path('admin'));
  await pass('new key', () => current.now().adminApiKey === key('admin2'));
  await pass('log line', () => lines.length > 0);
  expect(lines).toEqual([
    {
      ...{ level: 'info', message: 'keys read again', changed: ['ADMIN_API_KEY'] },
      read: ['ADMIN_API_KEY_FILE', 'ADMIN_API_KEY_NEXT_FILE', 'CLAIM_API_KEY_FILE'],
    },
  ]);
  await stop();
});

it('a next key comes and goes with its file, and the key beside it stays', async () => {
  const { current, pass, stop } = follow();
  expect(current.now().adminApiKeyNext).toBeUndefined();
  write('admin-next', key('admin2'));
  await pass('next key', () => current.now().adminApiKeyNext === key('admin2'));
  expect(current.now().adminApiKey).toBe(key('admin1'));
  write('admin', key('admin2'));
  await pass('moved key', () => current.now().adminApiKey === key('admin2'));
  expect(current.now().adminApiKeyNext).toBe(key('admin2'));
  rmSync(path('admin-next'));
  await pass('end of the next key', () => current.now().adminApiKeyNext === undefined);
  expect(current.now().adminApiKey).toBe(key('admin2'));
  await stop();
});

it('a next key that is moved to the main file replaces the main key in one change', async () => {
  write('admin-next', key('admin2'));
  const { current, lines, pass, stop } = follow();
  renameSync(path('admin-next'), path('admin'));
  await pass('log line', () => lines.length > 0);
  expect(lines[0]?.changed).toEqual(['ADMIN_API_KEY', 'ADMIN_API_KEY_NEXT']);
  expect(current.now()).toMatchObject({ adminApiKey: key('admin2'), adminApiKeyNext: undefined });
  await stop();
});

it.each<[string, () => void, RegExp]>([
  ['is empty', () => write('admin', ''), /^ADMIN_API_KEY_FILE .* it is empty$/],
  ['holds no key', () => write('admin', 'two words'), /^ADMIN_API_KEY \(read from .* must be/],
  ['is gone', () => rmSync(path('admin')), /^ADMIN_API_KEY_FILE .* there is no such file$/],
  ['holds the key of another kind', () => write('admin', key('claim1')), /^CLAIM_API_KEY must/],
  [
    'is empty but may be absent',
    () => write('admin-next', ''),
    /^ADMIN_API_KEY_NEXT_FILE .* it is empty; delete it to end the key$/,
  ],
])('a file that %s changes no key, and is logged once as a warning', async (_what, spoil, why) => {
  const { current, lines, pass, polls, stop } = follow();
  const before = current.now();
  spoil();
  await pass('warning', () => lines.length > 0);
  await polls(10);
  expect(lines).toEqual([
    {
      ...{ level: 'warn', mistakes: [expect.stringMatching(why)] },
      message: expect.stringMatching(/^the keys were not changed: .*Correct it/),
    },
  ]);
  expect(current.now()).toBe(before);

  write('admin', key('admin1'));
  rmSync(path('admin-next'), { force: true });
  await pass('end of the warning', () => lines.length > 1);
  expect(lines[1]).toMatchObject({ message: 'keys read again', changed: [] });
  await stop();
});

it('a signal reads the files at once and always logs the outcome, which the watch does not repeat', async () => {
  const { current, files, lines, polls, stop } = follow();
  write('claim', key('claim2'));
  files.reload();
  expect(current.now().claimApiKey).toBe(key('claim2'));
  write('claim', '');
  files.reload();
  files.reload();
  expect(current.now().claimApiKey).toBe(key('claim2'));
  await polls(10);
  expect(lines.map(({ level }) => level).sort()).toEqual(['error', 'error', 'info']);
  await stop();
});

it('the file of the keys of user tokens is followed like those of the API keys', async () => {
  const [first, second] = [newSigningKey('EdDSA', 'a'), newSigningKey('EdDSA', 'b')];
  write('tokens', toKeySet([first]));
  const { current, lines, pass, stop } = follow({ USER_TOKEN_KEYS: path('tokens'), ...accepted });
  expect(current.now().userTokenKeys).toBe(toKeySet([first]));
  write('tokens', '{"keys":[]}');
  await pass('warning', () => lines.length > 0);
  expect(lines[0]?.mistakes).toEqual(['USER_TOKEN_KEYS: it has no public key']);
  expect(current.now().userTokenKeys).toBe(toKeySet([first]));
  write('tokens', toKeySet([first, second]));
  await pass('new keys', () => current.now().userTokenKeys === toKeySet([first, second]));
  await pass('log line', () => lines.length > 1);
  expect(lines[1]).toMatchObject({ message: 'keys read again', changed: ['USER_TOKEN_KEYS'] });
  await stop();
});

it('a signal without key files is answered with a warning', () => {
  const config = loadConfig({ ADMIN_API_KEY: key('admin1') });
  const warnings: string[] = [];
  const log = { warn: (text: string) => warnings.push(text) } as never;
  const options = { config, current: currentKeys(config), log, clock: new FixedClock() };
  new KeyFiles(options).reload();
  expect(warnings).toEqual(['SIGHUP has no effect: no key is read from a file']);
});

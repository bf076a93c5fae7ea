// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, expect, it } from 'vitest';
import { DifferentInstallationError, InstallationWatch } from './installation-watch.ts';

let lines: [Record<string, unknown>, string][];
let changes: boolean[];
let watch: InstallationWatch;

beforeEach(() => {
  lines = [];
  changes = [];
  watch = new InstallationWatch({
    identity: 'ours',
    warn: (event, message) => lines.push([event, message]),
  });
  watch.onChange(() => changes.push(watch.isDifferent));
});

it('accepts the installation of the start and logs nothing', () => {
  expect(watch.checkNewConnection('ours')).toBeUndefined();
  expect(watch.checkUsedConnection('ours')).toBeUndefined();
  expect({ lines, changes, isDifferent: watch.isDifferent }).toEqual({
    ...{ lines: [], changes: [], isDifferent: false },
  });
});

it.each(['checkNewConnection', 'checkUsedConnection'] as const)(
  '%s rejects another installation each time, and logs it once',
  (check) => {
    expect(watch[check]('theirs')).toBeInstanceOf(DifferentInstallationError);
    expect(watch[check]('another')).toBeInstanceOf(DifferentInstallationError);
    expect(watch[check](undefined)).toBeInstanceOf(DifferentInstallationError);
    expect(changes).toEqual([true]);
    expect(lines).toEqual([
      [{ expected: 'ours', found: 'theirs' }, expect.stringContaining('not the one of the start')],
    ]);
  },
);

it('takes a session without tables for another installation', () => {
  watch.checkNewConnection(undefined);
  expect(watch.isDifferent).toBe(true);
  expect(lines[0]?.[0]).toEqual({ expected: 'ours', found: 'none' });
});

it('accepts the database again only after a new connection, since an older one may lead to another server', () => {
  watch.checkNewConnection('theirs');
  expect(watch.checkUsedConnection('ours')).toBeInstanceOf(DifferentInstallationError);
  expect(watch.isDifferent).toBe(true);
  expect(watch.checkNewConnection('ours')).toBeUndefined();
  expect(watch.checkUsedConnection('ours')).toBeUndefined();
  expect(changes).toEqual([true, false]);
  expect(lines[1]).toEqual([{ found: 'ours' }, expect.stringContaining('again')]);
});

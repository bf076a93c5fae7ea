// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, expect, it } from 'vitest';
import { InstallationWatch, OtherInstallationError } from './installation-watch.ts';

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
  watch.onChange(() => changes.push(watch.isOther));
});

it('the installation of the start is accepted without a word', () => {
  expect(watch.judgeNew('ours')).toBeUndefined();
  expect(watch.judgeUsed('ours')).toBeUndefined();
  expect({ lines, changes, isOther: watch.isOther }).toEqual({
    ...{ lines: [], changes: [], isOther: false },
  });
});

it.each(['judgeNew', 'judgeUsed'] as const)(
  '%s rejects another one, and logs that once',
  (judge) => {
    expect(watch[judge]('theirs')).toBeInstanceOf(OtherInstallationError);
    expect(watch[judge]('another')).toBeInstanceOf(OtherInstallationError);
    expect(watch[judge](undefined)).toBeInstanceOf(OtherInstallationError);
    expect(changes).toEqual([true]);
    expect(lines).toEqual([
      [{ expected: 'ours', found: 'theirs' }, expect.stringContaining('not the one of the start')],
    ]);
  },
);

it('a session without tables counts as another installation', () => {
  watch.judgeNew(undefined);
  expect(watch.isOther).toBe(true);
  expect(lines[0]?.[0]).toEqual({ expected: 'ours', found: 'none' });
});

it('only a new connection shows that the database is back, since an older one may lead elsewhere', () => {
  watch.judgeNew('theirs');
  expect(watch.judgeUsed('ours')).toBeInstanceOf(OtherInstallationError);
  expect(watch.isOther).toBe(true);
  expect(watch.judgeNew('ours')).toBeUndefined();
  expect(watch.judgeUsed('ours')).toBeUndefined();
  expect(changes).toEqual([true, false]);
  expect(lines[1]).toEqual([{ found: 'ours' }, expect.stringContaining('again')]);
});

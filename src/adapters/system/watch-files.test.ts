// SPDX-License-Identifier: GPL-3.0-or-later
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { fileStates, watchFiles } from './watch-files.ts';

/** A watch of one pretended file, whose state is its content. `whileReading` runs between reading and the check after. */
function aWatch(content: string) {
  const clock = new FixedClock();
  const file = { content, whileReading: () => undefined as unknown };
  const applied: string[] = [];
  const end = watchFiles({
    states: async () => file.content,
    read() {
      const read = file.content;
      file.whileReading();
      return read;
    },
    apply: (read) => void applied.push(read),
    clock,
    everyMs: 10,
  });
  return { clock, file, applied, end };
}

describe('a watch of files', () => {
  it('applies the content of the start once, since it may have changed after the start read it', async () => {
    const { clock, applied } = aWatch('first');
    await clock.advance(10);
    expect(applied).toEqual([]);
    await clock.advance(100);
    expect(applied).toEqual(['first']);
  });

  it('applies a change when two polls in a row find it', async () => {
    const { clock, file, applied } = aWatch('first');
    await clock.advance(20);
    file.content = 'second';
    await clock.advance(10);
    expect(applied).toEqual(['first']);
    await clock.advance(10);
    expect(applied).toEqual(['first', 'second']);
  });

  it('applies no state that a writer leaves between two polls', async () => {
    const { clock, file, applied } = aWatch('first');
    await clock.advance(20);
    for (const part of ['', 'sec', 'secon', 'second']) {
      file.content = part;
      await clock.advance(10);
    }
    await clock.advance(50);
    expect(applied).toEqual(['first', 'second']);
  });

  it('applies no content that changed while it was read, and then applies the new one', async () => {
    const { clock, file, applied } = aWatch('first');
    await clock.advance(20);
    file.content = 'half of the sec';
    file.whileReading = () => {
      file.content = 'second';
    };
    await clock.advance(20);
    expect(applied).toEqual(['first']);
    await clock.advance(50);
    expect(applied).toEqual(['first', 'second']);
  });

  it('applies a content again that was replaced and has come back', async () => {
    const { clock, file, applied } = aWatch('first');
    await clock.advance(20);
    file.content = 'second';
    await clock.advance(20);
    file.content = 'first';
    await clock.advance(20);
    expect(applied).toEqual(['first', 'second', 'first']);
  });

  it('polls no more after it has ended', async () => {
    const { clock, file, applied, end } = aWatch('first');
    await clock.advance(20);
    file.content = 'second';
    end();
    await clock.advance(100);
    expect(applied).toEqual(['first']);
    expect(clock.pending).toBe(0);
  });
});

describe('the state of files', () => {
  let folder: string;
  const path = (name: string) => join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'firstcome-watch-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('stays the same while no file changes, whether it is there or not', async () => {
    writeFileSync(path('key'), 'one');
    const states = fileStates([path('key'), path('absent'), join(path('key'), 'below')]);
    expect(await states()).toBe(await states());
  });

  it.each<[string, () => void]>([
    ['is written in place', () => writeFileSync(path('key'), 'longer')],
    [
      'is replaced by another of the same length',
      () => {
        writeFileSync(path('new'), 'two');
        renameSync(path('new'), path('key'));
      },
    ],
    ['is removed', () => rmSync(path('key'))],
    ['appears', () => writeFileSync(path('absent'), 'one')],
  ])('changes when a file %s', async (_change, change) => {
    writeFileSync(path('key'), 'one');
    const states = fileStates([path('key'), path('absent')]);
    const before = await states();
    change();
    expect(await states()).not.toBe(before);
  });

  it('changes when a file is written in place and its old time is set again', async () => {
    writeFileSync(path('key'), 'one');
    const { mtime, ctimeMs } = statSync(path('key'));
    const states = fileStates([path('key')]);
    utimesSync(path('key'), mtime, mtime);
    const before = await states();
    await waitFor('later time of the change', () => {
      writeFileSync(path('key'), 'two');
      utimesSync(path('key'), mtime, mtime);
      return statSync(path('key')).ctimeMs > ctimeMs + 50;
    });
    expect(await states()).not.toBe(before);
  });

  it('changes when the link to the folder of a file is replaced, as in a volume of secrets', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(path(version));
      writeFileSync(join(path(version), 'key'), version);
    }
    symlinkSync('1', path('..data'));
    symlinkSync('..data/key', path('key'));
    const states = fileStates([path('key')]);
    const before = await states();
    symlinkSync('2', path('..data.new'));
    renameSync(path('..data.new'), path('..data'));
    expect(await states()).not.toBe(before);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokenLinks } from './support/markdown-links.ts';
import { readTidyFiles } from './support/tidy-files.ts';

const root = join(import.meta.dirname, '..');

describe('the documentation', () => {
  const pages = readTidyFiles(root).filter(({ path }) => path.endsWith('.md'));

  it('has no relative link without a file, folder or heading', () => {
    expect(pages.length).toBeGreaterThan(20);
    expect(brokenLinks(pages, (path) => existsSync(join(root, path)))).toEqual([]);
  });

  it('begins with a README.md of at most 1,100 words', () => {
    const readme = pages.find(({ path }) => path === 'README.md')?.text ?? '';
    const words = readme.split(/\s+/).filter((word) => word !== '');
    expect(words.length).toBeGreaterThan(300);
    expect(words.length).toBeLessThanOrEqual(1_100);
  });

  it('starts the executable with all flags of its first line where it starts it with node', () => {
    const read = (path: string) => readFileSync(join(root, path), 'utf8');
    const [firstLine = ''] = read('src/main.ts').split('\n', 1);
    const flags = firstLine.split(' ').filter((word) => word.startsWith('--'));
    expect(flags).not.toEqual([]);
    for (const path of [
      'docs/deploy.md',
      'docs/adr/0009-workers-and-memory.md',
      'examples/cluster/running-cluster.ts',
      'test/support/service-process.ts',
    ]) {
      expect(
        flags.filter((flag) => !read(path).includes(flag)),
        path,
      ).toEqual([]);
    }
  });
});

describe('the search for broken links', () => {
  const page = (text: string) => ({ path: 'docs/a.md', text });
  const found = (text: string) =>
    brokenLinks(
      [page(text), { path: 'README.md', text: '# Start\n\n## Your own `x`: 2!\n\n## Start\n' }],
      (path) => ['docs/a.md', 'README.md', 'src'].includes(path),
    );

  it('reports a missing file with its line', () => {
    expect(found('one\n[b](b.md) and ![c](../c.svg)')).toEqual([
      'docs/a.md:2: no file docs/b.md',
      'docs/a.md:2: no file c.svg',
    ]);
  });

  it('reports a missing heading in the same page and in another one', () => {
    expect(found('# A\n[a](#a) [b](#b) [start](../README.md#begin)')).toEqual([
      'docs/a.md:2: no heading #b in docs/a.md',
      'docs/a.md:2: no heading #begin in README.md',
    ]);
  });

  it('accepts files, folders, headings with punctuation, and repeated headings', () => {
    const links = ['../README.md', '../src', '../README.md#your-own-x-2', '../README.md#start-1'];
    expect(found(links.map((link) => `[x](${link})`).join('\n'))).toEqual([]);
  });

  it('ignores web addresses and code', () => {
    expect(found('[x](https://example.org/y) `[x](y.md)`\n```\n[x](y.md)\n# no\n```')).toEqual([]);
  });
});

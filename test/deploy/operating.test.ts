// SPDX-License-Identifier: GPL-3.0-or-later
/** The page about operating: what it names is there, and is called so. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settings } from '../../src/config.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/operating.md'), 'utf8');

it('names settings that there are', () => {
  const variables = settings.flatMap(({ variable, secret }): string[] =>
    secret ? [variable, `${variable}_FILE`] : [variable],
  );
  const named = [...text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([name]) => name);
  expect(named).toContain('DATABASE_WAIT_MS');
  expect(named.filter((name) => !variables.includes(name))).toEqual([]);
  const [, seconds] = /`DATABASE_WAIT_MS`, (\d+) seconds by default/.exec(text) ?? [];
  const usual = settings.find(({ variable }) => variable === 'DATABASE_WAIT_MS')?.default;
  expect(Number(seconds) * 1000).toBe(Number(usual));
});

it('quotes lines of the log as the service writes them', () => {
  const source = readdirSync(join(root, 'src/app'))
    .map((file) => readFileSync(join(root, 'src/app', file), 'utf8'))
    .join('\n');
  const quoted = [...text.matchAll(/`((?:the )?API keys [^`]+)`/g)].map(([, line = '']) => line);
  expect(quoted).toHaveLength(2);
  expect(quoted.filter((line) => !source.includes(`'${line}'`))).toEqual([]);
});

it('leads to pages and sections that there are', () => {
  const pages = ['configuration.md', 'runbook.md', 'operating.md'];
  for (const page of pages) {
    const links = [
      ...readFileSync(join(root, 'docs', page), 'utf8').matchAll(/\]\((\w+\.md)(?:#([\w-]+))?\)/g),
    ];
    for (const [, target = '', anchor] of links) {
      const lines = readFileSync(join(root, 'docs', target), 'utf8').split('\n');
      const anchors = lines
        .filter((line) => line.startsWith('#'))
        .map((line) =>
          line
            .replace(/^#+ /, '')
            .toLowerCase()
            .replaceAll(/[^\w -]/g, '')
            .replaceAll(' ', '-'),
        );
      if (anchor !== undefined)
        expect([page, anchors]).toEqual([page, expect.arrayContaining([anchor])]);
    }
  }
});

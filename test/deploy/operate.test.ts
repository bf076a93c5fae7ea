// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks that the pages for operators name only settings and log lines that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settings } from '../../src/config.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/operate.md'), 'utf8');

it.each(['operate.md', 'deploy.md'])('docs/%s names only existing settings', (page) => {
  // Grafana reads PROMETHEUS_URL, and the balancer BALANCER_BIND.
  const variables = ['PROMETHEUS_URL', 'BALANCER_BIND'].concat(
    settings.flatMap(({ variable, secret }) =>
      secret ? [variable, `${variable}_FILE`] : variable,
    ),
  );
  const named = readFileSync(join(root, 'docs', page), 'utf8').match(/\b[A-Z]+(?:_[A-Z]+)+\b/g);
  expect(named).toContain('DATABASE_WAIT_MS');
  expect(named?.filter((name) => !variables.includes(name))).toEqual([]);
});

it('docs/operate.md gives the default of DATABASE_WAIT_MS', () => {
  const [, seconds] = /`DATABASE_WAIT_MS`, (\d+) seconds by default/.exec(text) ?? [];
  const usual = settings.find(({ variable }) => variable === 'DATABASE_WAIT_MS')?.default;
  expect(Number(seconds) * 1000).toBe(Number(usual));
});

it('docs/operate.md quotes log lines exactly', () => {
  const source = readdirSync(join(root, 'src/app'))
    .map((file) => readFileSync(join(root, 'src/app', file), 'utf8'))
    .join('\n');
  const quoted = [...text.matchAll(/`((?:the )?API keys [^`]+)`/g)].map(([, line = '']) => line);
  expect(quoted).toHaveLength(2);
  expect(quoted.filter((line) => !source.includes(`'${line}'`))).toEqual([]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks that the pages for operators name only settings and log lines that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settings } from '../../src/config.ts';
import { type Program, runCli } from '../../src/entrypoints/cli/cli.ts';
import { scenarios } from '../../src/proof/drill/options.ts';
import { ruleFiles } from '../observability/shipped-files.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/operate.md'), 'utf8');

it.each(['operate.md', 'deploy.md'])('docs/%s names only existing settings', (page) => {
  const haproxy = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
  const ofBalancer = [...haproxy.matchAll(/^ *presetenv (\w+)/gm)].map(([, name = '']) => name);
  // Grafana reads PROMETHEUS_URL, and Node NODE_EXTRA_CA_CERTS.
  const variables = ['PROMETHEUS_URL', 'NODE_EXTRA_CA_CERTS', ...ofBalancer].concat(
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
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'src/app', file), 'utf8'))
    .join('\n');
  const quoted = [...text.matchAll(/`((?:the keys were|keys read)[^`]+)`/g)].map(
    ([, line = '']) => line,
  );
  expect(quoted).toHaveLength(2);
  expect(quoted.filter((line) => !source.includes(`'${line}'`))).toEqual([]);
});

/** The lines of all commands in the guide, with continued lines joined. */
const commandLines = [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap(([, block = '']) =>
  block
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim()),
);

it('docs/operate.md has only command lines that firstcome accepts', async () => {
  const lines = commandLines.flatMap(
    (line) => /(?:^|[ ;])firstcome ((?:(?! [>&|]).)+)/.exec(line)?.[1] ?? [],
  );
  const called: string[] = [];
  const program = new Proxy({} as Program, {
    get: (_target, name: string) => {
      if (name === 'scenarios') return scenarios;
      return async () => {
        called.push(name);
        return { schema: '', applied: [], unfinished: [] };
      };
    },
  });
  const output = { stdout: () => undefined, stderr: (line: string) => called.push(line) };
  for (const line of lines) await runCli(line.split(' '), program, output as never);
  expect(new Set(called)).toEqual(
    new Set(['serve', 'migrate', 'drill', 'log', 'backup', 'restore', 'copy']),
  );
});

it('docs/operate.md has only requests that the service knows, with a key that may send them', () => {
  const { paths } = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'));
  const requests = commandLines.flatMap((line) => {
    const [, key = '', rest = ''] = /\bas ([\w-]+) (.*\$url.*)/.exec(line) ?? [];
    const path = /\$url([^ "?]*)/.exec(rest)?.[1];
    const usual = / -d /.test(rest) ? 'post' : 'get';
    const method = / ?-X (\w+)/.exec(rest)?.[1]?.toLowerCase() ?? usual;
    return path === undefined ? [] : [{ key, method, path }];
  });
  expect(requests.length).toBeGreaterThan(15);
  const unknown = requests.filter(
    ({ method, path }) =>
      !Object.entries<object>(paths).some(
        ([known, methods]) =>
          method in methods && new RegExp(`^${known.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
      ),
  );
  expect(unknown).toEqual([]);
  expect(requests.filter(({ key, method }) => key === 'viewer' && method !== 'get')).toEqual([]);
});

it('docs/operate.md names only existing metrics', () => {
  const known = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
  const named = [...text.matchAll(/\bfirstcome_(?:\(([\w|]+)\)|(\w+))/g)].flatMap(([, list, one]) =>
    (list ?? one ?? '').split('|').map((name) => `firstcome_${name}`),
  );
  expect(named).toContain('firstcome_coupon_remaining_units');
  expect(named.filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
});

it('docs/operate.md lists every alert with its severity and its section of the runbook', () => {
  const listed = [...text.matchAll(/^\| \[(\w+)\]\((runbook\.md#\w+)\) \| (\w+) \|/gm)];
  const alerts = ruleFiles().filter(({ alert }) => alert !== undefined);
  expect(
    listed.map(([, alert, link, severity]) => [alert, `docs/${link}`, severity]).sort(),
  ).toEqual(
    alerts
      .map(({ alert, annotations, labels }) => [alert, annotations?.runbook_url, labels?.severity])
      .sort(),
  );
});

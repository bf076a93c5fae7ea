// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks that the runbook has a section for each alert: its meaning, where to look and what to do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settings } from '../../src/config.ts';
import { refusalRules } from '../../src/core/refusal-rules.ts';
import {
  ruleFiles,
  runbookAnchors,
  runbookSections,
  runbookText,
} from '../observability/shipped-files.ts';

const text = runbookText();
const alerts = ruleFiles().filter(({ alert }) => alert !== undefined);
const openapi = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8'),
) as { paths: Record<string, unknown> };

describe.each(alerts.map((rule): [string, typeof rule] => [rule.alert ?? '', rule]))(
  '%s',
  (alert, { labels, annotations }) => {
    it('links to a section of the runbook', () => {
      expect(annotations?.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(runbookAnchors()).toContain(annotations?.runbook_url);
    });

    it('has a section with its severity, where to look and what to do', () => {
      const section = runbookSections().get(alert) ?? '';
      expect(section).toMatch(new RegExp(`^\\n+\\*\\*${labels?.severity}\\.\\*\\* \\w`));
      expect(section).toMatch(/^Look at\b/m);
      expect(section).toMatch(/^Do:/m);
    });
  },
);

it('the runbook has a section for each alert and no others', () => {
  expect([...runbookSections().keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});

it('the runbook links only to existing sections', () => {
  const links = [...text.matchAll(/\]\((#[^)]+)\)/g)].map(
    ([, anchor]) => `docs/runbook.md${anchor}`,
  );
  const subsections = [...text.matchAll(/^### (\w+)$/gm)].map(
    ([, name]) => `docs/runbook.md#${name}`,
  );
  expect(links.length).toBeGreaterThan(2);
  expect(links.filter((link) => ![...runbookAnchors(), ...subsections].includes(link))).toEqual([]);
});

it('the runbook explains each rule by which the database refuses a claim', () => {
  const section = runbookSections().get('FirstcomeDatabaseRefuses') ?? '';
  const rules = [...section.matchAll(/^### (\w+)$/gm)].map(([, rule]) => rule);
  expect(rules).toEqual([...refusalRules]);
});

it('the runbook names only existing settings', () => {
  const variables = settings.map(({ variable }) => variable as string);
  // Placeholders that the reader fills in.
  const placeholders = ['HOST', 'PORT', 'NAME', 'PID', 'SAGA_ID'];
  // Errors of the system and of Redis, as the log has them.
  const systemErrors = ['ECONNREFUSED', 'ENOTFOUND'];
  const redisErrors = ['WRONGPASS', 'NOAUTH', 'READONLY', 'NOPERM', 'MISCONF'];
  const known = [...variables, ...placeholders, ...systemErrors, ...redisErrors];
  const named = [...text.matchAll(/`\$?([A-Z][A-Z_]{3,})(?:[=/][^`]*)?`/g)].map(
    ([, name = '']) => name,
  );
  expect(named).toContain('STOCK_CHECK_INTERVAL_MS');
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

it('the runbook calls only existing routes', () => {
  const called = [
    ...[...text.matchAll(/http:\/\/[\w.:]+(\/[\w/]+)/g)].map(([, path = '']) => path),
    ...[...text.matchAll(/`(\/(?!targets)[a-z]+)`/g)].map(([, path = '']) => path),
  ].map((path) => path.replace('/NAME', '/{name}').replace('/ID', '/{id}'));
  expect(called).toContain('/api/coupons/{name}');
  expect(called.filter((path) => openapi.paths[path] === undefined)).toEqual([]);
});

it('the runbook quotes log lines exactly', () => {
  const source = [
    ...['core/stock/stock-check.ts', 'adapters/postgres/monitoring/outage-log.ts', 'app.ts'],
    ...['core/duties/duty-runner.ts', 'core/duties/expiry-sweep.ts'],
    ...['core/events/event-relay.ts', 'app/jobs.ts', 'app/open-jobs.ts'],
    ...[
      'adapters/postgres/installation/installation-watch.ts',
      'adapters/postgres/monitoring/refused-statement-log.ts',
    ],
    'entrypoints/http/connections/connection-log.ts',
    ...['adapters/redis/redis.ts', 'adapters/user-tokens/remote-keys.ts'],
    ...['adapters/rabbitmq/rabbitmq.ts', 'core/tickets/decide-queued.ts'],
    ...['core/history/history-guard.ts', 'core/health-record.ts'],
  ]
    .map((file) => readFileSync(join(import.meta.dirname, '../../src', file), 'utf8'))
    .join('\n');
  const quoted = [...text.matchAll(/\bline\s+`([^`]+)`/g)].map(([, line = '']) => line);
  expect(quoted).toHaveLength(23);
  const isWritten = (line: string) =>
    ["'", '`'].some((quote) => source.includes(`${quote}${line}`));
  expect(quoted.filter((line) => !isWritten(line))).toEqual([]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { toHumanLine } from './human-log.ts';

/** The line of an event on a terminal, without the time. */
function shown(log: (logger: pino.Logger) => void): string {
  let text = '';
  const base = { service: 'firstcome' };
  const write = (line: string) => {
    text += toHumanLine(line);
  };
  log(pino({ base }, { write }));
  expect(text).toMatch(/^\d\d:\d\d:\d\d /);
  return text.slice('00:00:00 '.length);
}

it('shows the message and the fields of an event in one line', () => {
  const event = { url: 'http://127.0.0.1:8080', workers: 2, applied: ['a', 'b'] };
  expect(shown((log) => log.info(event, 'started'))).toBe(
    'started url=http://127.0.0.1:8080 workers=2 applied=a, b\n',
  );
  expect(shown((log) => log.info('nothing more'))).toBe('nothing more\n');
});

it('shows the level of warnings and errors', () => {
  expect(shown((log) => log.warn({ reason: 'two words' }, 'waiting'))).toBe(
    'WARN waiting reason="two words"\n',
  );
  expect(shown((log) => log.error('broken'))).toBe('ERROR broken\n');
  expect(shown((log) => log.fatal('over'))).toBe('FATAL over\n');
});

it('shows the message of an error, and its stack unless it is a warning', () => {
  const err = new Error('a bug');
  const text = shown((log) => log.error({ err }, 'unexpected'));
  expect(text).toMatch(/^ERROR unexpected reason="a bug"\n {2}Error: a bug\n {6}at /);
  expect(shown((log) => log.warn({ err }, 'lost'))).toBe('WARN lost reason="a bug"\n');
});

it('shows the message of an error as `error` beside a field `reason`', () => {
  const event = { reason: 'busy', err: new Error('a bug') };
  expect(shown((log) => log.warn(event, 'refused'))).toBe(
    'WARN refused reason=busy error="a bug"\n',
  );
});

it('escapes what moves, hides or reorders text in texts of clients, and shortens long ones', () => {
  const hostile = 'a\u001b[2J\u009bb\nc\u202e\u200bd';
  const err = new Error(hostile);
  const event = { reason: hostile, other: { [hostile]: hostile }, [hostile]: 1, err };
  const text = shown((log) => log.error(event, hostile));
  expect(text).toContain('ERROR a\\u{1b}[2J\\u{9b}b\\u{a}c\\u{202e}\\u{200b}d');
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  const long = shown((log) => log.warn({ reason: 'x'.repeat(100_000) }, 'long'));
  expect(long.length).toBeLessThan(300);
});

it('wraps a line of more than 80 columns below the message', () => {
  const event = { reason: 'connect ECONNREFUSED 127.0.0.1:5432, and some more words', tries: 3 };
  expect(shown((log) => log.warn(event, 'waiting for the database at db.example/sale'))).toBe(
    [
      'WARN waiting for the database at db.example/sale reason="connect',
      '         ECONNREFUSED 127.0.0.1:5432, and some more words" tries=3\n',
    ].join('\n'),
  );
});

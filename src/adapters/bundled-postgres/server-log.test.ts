// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { LogEvent } from './bundled-postgres-error.ts';
import { explainServerLines, readServerLine, ServerLog, type ServerPhase } from './server-log.ts';

function eventsOf(phase: ServerPhase, lines: string[]): LogEvent[] {
  const events: LogEvent[] = [];
  const serverLog = new ServerLog((event) => events.push(event));
  serverLog.phase = phase;
  for (const line of lines) serverLog.add(line);
  return events;
}

describe('the log of the bundled server', () => {
  it('logs nothing about a normal start and stop', () => {
    const start = [
      'LOG:  starting PostgreSQL 18.4 on x86_64-pc-linux-gnu',
      'LOG:  listening on IPv4 address "127.0.0.1", port 21000',
      'LOG:  database system is ready to accept connections',
    ];
    const stop = [
      'LOG:  received fast shutdown request',
      'FATAL:  terminating connection due to administrator command',
      'LOG:  database system is shut down',
    ];
    expect(eventsOf('starting', start)).toEqual([]);
    expect(eventsOf('stopping', stop)).toEqual([]);
  });

  it('logs warnings, errors and crashes of a running server, with their details', () => {
    const events = eventsOf('running', [
      'WARNING:  there is no transaction in progress',
      'ERROR:  could not extend file "base/5/1": No space left on device',
      'HINT:  Check free disk space.',
      'LOG:  server process (PID 7) was terminated by signal 9: Killed',
      'LOG:  checkpoint starting: time',
    ]);
    expect(events.map(({ level }) => level)).toEqual(['warn', 'error', 'error', 'warn']);
    expect(events[2]?.message).toBe('PostgreSQL: Check free disk space.');
  });

  it('logs that an administrator ended a session of a running server', () => {
    const line = 'FATAL:  terminating connection due to administrator command';
    expect(eventsOf('running', [line])).toHaveLength(1);
  });

  it('does not log that the tables of the jobs are missing before their first start', () => {
    const events: unknown[] = [];
    const serverLog = new ServerLog((event) => events.push(event));
    serverLog.phase = 'running';
    serverLog.add('ERROR:  relation "firstcome_jobs.migrations" does not exist at character 85');
    serverLog.add('STATEMENT:  select current_setting($1)');
    expect(events).toEqual([]);
    serverLog.add('ERROR:  relation "firstcome.coupons" does not exist at character 85');
    expect(events).toHaveLength(1);
  });

  it('keeps only the last 30 lines of a server', () => {
    const serverLog = new ServerLog(() => {});
    for (let number = 1; number <= 31; number += 1) serverLog.add(`LOG:  line ${number}`);
    expect(serverLog.lastLines).toHaveLength(30);
    expect(serverLog.lastLines[0]).toBe('LOG:  line 2');
  });

  it('reads a log line without a severity as text', () => {
    expect(readServerLine('Killed')).toEqual({ severity: undefined, text: 'Killed' });
    expect(readServerLine('FATAL:  no')).toEqual({ severity: 'FATAL', text: 'no' });
  });
});

describe('the explanation of a failed start', () => {
  it.each([
    ['FATAL:  could not write: No space left on device', 'is full'],
    ['FATAL:  data directory "/d" has wrong ownership', 'belong to another user'],
    ['FATAL:  could not create file: Read-only file system', 'read-only'],
    ['initdb: error: invalid locale settings; check LANG', 'locale'],
    ['FATAL:  could not map anonymous shared memory: Cannot allocate memory', 'memory'],
    ['PANIC:  could not locate a valid checkpoint record at 0/1', 'damaged'],
    ['postgres: error while loading shared libraries: libicui18n.so.60', 'DATABASE_URL'],
  ])('explains the server line %s', (line, explanation) => {
    const text = explainServerLines(['LOG:  starting', line], '/d');
    expect(text).toContain(explanation);
    expect(text).toContain(line);
  });

  it('names the folder and quotes the server for an unknown failure', () => {
    expect(explainServerLines(['FATAL:  bogus'], '/d')).toBe(
      'PostgreSQL could not start in /d. PostgreSQL said: FATAL:  bogus',
    );
  });
});

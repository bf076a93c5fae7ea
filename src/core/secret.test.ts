// SPDX-License-Identifier: GPL-3.0-or-later
import { format, inspect } from 'node:util';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Secret } from './secret.ts';

const value = 'correct-horse-battery-staple';

describe('a secret', () => {
  it('reveals the value of a secret only by an explicit call', () => {
    expect(new Secret(value).reveal()).toBe(value);
  });

  it('prints a secret as [hidden] in every form of output', () => {
    const secret = new Secret(value);
    expect(`${secret}`).toBe('[hidden]');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[hidden]"}');
    expect(inspect({ deep: { secret } }, { depth: 9, showHidden: true })).not.toContain(value);
    expect(inspect(secret)).toBe('[hidden]');
    expect(format('%s %o %j', secret, secret, secret)).not.toContain(value);
    expect(Object.entries(secret)).toEqual([]);
  });

  it('hides a secret in a log line', () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => lines.push(line) });
    log.info({ secret: new Secret(value) }, 'started with %s', new Secret(value));
    expect(lines.join('')).toContain('[hidden]');
    expect(lines.join('')).not.toContain(value);
  });
});

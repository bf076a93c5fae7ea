// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { foreignVariables } from '../../test/support/foreign-variables.ts';
import { misspeltVariables } from './misspelt-variables.ts';
import { settings } from './settings.ts';

const names: string[] = settings.flatMap(({ variable, secret }) =>
  secret ? [variable, `${variable}_FILE`] : [variable],
);
const lettersOf = (name: string) => name.replaceAll('_', '').length;
const long = names.filter((name) => lettersOf(name) >= 10);
const short = names.filter((name) => lettersOf(name) < 10);

/** The mistake about one variable that is set. */
function mistakeAbout(name: string): string | undefined {
  return misspeltVariables({ [name]: 'x' })[0]?.mistake;
}

/** Every misspelling of a name by one typing error, by the kind of error. */
function slipsOf(name: string): Record<string, string[]> {
  const at = Array.from(name, (_, index) => index);
  const swapped = (index: number) =>
    name.slice(0, index) + name.charAt(index + 1) + name.charAt(index) + name.slice(index + 2);
  const replaced = (index: number, text: string) =>
    name.slice(0, index) + text + name.slice(index + 1);
  const inner = at.slice(1);
  const slips = {
    'a letter left out': at.map((index) => replaced(index, '')),
    'a letter twice': at.map((index) => replaced(index, name.charAt(index).repeat(2))),
    'another letter': at.map((index) => replaced(index, name[index] === 'X' ? 'Q' : 'X')),
    'two letters swapped': at.slice(0, -1).map(swapped),
    'an underscore too many': inner.map((index) => replaced(index, `_${name.charAt(index)}`)),
    'a hyphen': at.filter((index) => name[index] === '_').map((index) => replaced(index, '-')),
    'no underscore': [name.replaceAll('_', '')],
    'lower case': [name.toLowerCase()],
    // Two edits, which is near only where there are many letters.
    'no unit': lettersOf(name) < 14 ? [] : [name.replace(/_MS$/, '')],
    'another unit': [name.replace(/_MS$/, '_S')],
  };
  const isSlip = (slip: string) => slip !== name && !names.includes(slip);
  return Object.fromEntries(
    Object.entries(slips).map(([kind, made]) => [kind, made.filter(isSlip)]),
  );
}

function caught(name: string, slips: readonly string[]): string[] {
  const suggestion = ` is unknown; did you mean ${name}?`;
  return slips.filter((slip) => mistakeAbout(slip)?.endsWith(suggestion));
}

describe('a misspelt variable', () => {
  it.each(long)('suggests %s for every misspelling by one typing error', (name) => {
    for (const [kind, slips] of Object.entries(slipsOf(name))) {
      expect([kind, caught(name, slips)]).toEqual([kind, slips]);
    }
  });

  it.each(short)('suggests the short name %s for misspellings that are no common word', (name) => {
    const slips = Object.values(slipsOf(name)).flat();
    expect(caught(name, slips).length / slips.length).toBeGreaterThan(0.3);
  });

  it.each([
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASE_URL ', 'DATABASE_URL'],
    ['DATABASE_URL_FLIE', 'DATABASE_URL_FILE'],
    ['ADMIN_APIKEY', 'ADMIN_API_KEY'],
    ['ADMINAPIKEY', 'ADMIN_API_KEY'],
    ['CLAIM_TIMOUT_MS', 'CLAIM_TIMEOUT_MS'],
    ['SHUTDOWN_TIMEOUT', 'SHUTDOWN_TIMEOUT_MS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['PROT', 'PORT'],
    ['HOSST', 'HOST'],
    ['WOKERS', 'WORKERS'],
  ])('takes %j for %s', (name, meant) => {
    expect(mistakeAbout(name)).toMatch(
      new RegExp(`^"?${name}"? is unknown; did you mean ${meant}\\?$`),
    );
  });

  it('names the variable to set instead of a file for a setting that is no secret', () => {
    for (const { variable } of settings.filter(({ secret }) => !secret)) {
      expect(misspeltVariables({ [`${variable}_FILE`]: '/run/value' })).toEqual([
        {
          about: variable,
          mistake: `${variable}_FILE is not read: only secrets can come from files; set ${variable}`,
        },
      ]);
    }
  });

  it('ignores empty misspelt variables and never shows the values of others', () => {
    expect(misspeltVariables({ DATABASE_ULR: '', PORT_FILE: '', PROT: undefined })).toEqual([]);
    const values = { DATABASE_ULR: 'hunter2', PORT_FILE: 'hunter2' };
    expect(JSON.stringify(misspeltVariables(values))).not.toContain('hunter2');
  });

  it('escapes control characters in the name of a misspelt variable', () => {
    expect(mistakeAbout('DATABASE_URL\u001b')).toBe(
      '"DATABASE_URL\\u001b" is unknown; did you mean DATABASE_URL?',
    );
  });
});

describe('a variable of another program', () => {
  it('takes no variable of another program for a misspelt setting', () => {
    const env = Object.fromEntries(foreignVariables.map((name) => [name, 'x']));
    expect(Object.keys(env).length).toBeGreaterThan(900);
    expect(misspeltVariables(env)).toEqual([]);
  });
});

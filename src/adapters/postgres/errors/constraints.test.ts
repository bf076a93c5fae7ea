// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { constraintMeanings, ownFunctions } from './constraints.ts';

const folder = new URL('../migrations/', import.meta.url);
const migrations = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8').replaceAll(/--.*$/gm, ''))
  .join('\n');

/** Names behind these words, in order of the alphabet. */
function namesBehind(words: RegExp): string[] {
  const names = [...migrations.matchAll(words)].map(([, name = '']) => name);
  return [...new Set(names)].sort();
}

describe('what the migrations create is known by name:', () => {
  it('every constraint has a meaning', () => {
    // "on conflict on constraint" names one that is there already.
    const created = namesBehind(/(?<!\bon )\bconstraint\s+(\w+)/g);
    expect(created.length).toBeGreaterThan(15);
    expect([...constraintMeanings.keys()].sort()).toEqual(created);
  });

  it('every function is one of its own', () => {
    const created = namesBehind(/\bcreate function\s+(\w+)/g);
    expect(created.length).toBeGreaterThan(5);
    expect([...ownFunctions].sort()).toEqual(created);
  });
});

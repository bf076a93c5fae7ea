// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { constraintMeanings, ownFunctions } from './constraints.ts';

const folder = new URL('../migrations/', import.meta.url);
const migrations = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8').replaceAll(/--.*$/gm, ''))
  .join('\n');

/** The names that a pattern captures in the migrations, sorted. */
function namesIn(pattern: RegExp): string[] {
  const names = [...migrations.matchAll(pattern)].map(([, name = '']) => name);
  return [...new Set(names)].sort();
}

describe('constraints.ts', () => {
  it('has a meaning for every constraint of the migrations', () => {
    // "on conflict on constraint" names an existing constraint.
    const created = namesIn(/(?<!\bon )\bconstraint\s+(\w+)/g);
    expect(created.length).toBeGreaterThan(15);
    expect([...constraintMeanings.keys()].sort()).toEqual(created);
  });

  it('lists every function of the migrations', () => {
    const created = namesIn(/\bcreate function\s+(\w+)/g);
    expect(created.length).toBeGreaterThan(5);
    expect([...ownFunctions].sort()).toEqual(created);
  });
});

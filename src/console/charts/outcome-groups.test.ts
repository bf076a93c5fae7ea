// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countsByGroup, outcomeGroups } from './outcome-groups.ts';

const styles = readFileSync(join(import.meta.dirname, 'charts.css'), 'utf8');

describe('the groups of outcomes', () => {
  it.each(outcomeGroups.map(({ code, colour }) => [code, colour]))(
    'have a colour in both schemes: %s',
    (_code, colour) => {
      expect(styles).toMatch(new RegExp(`${colour}: light-dark\\(#\\w{6}, #\\w{6}\\);`));
    },
  );

  it('differ in their colours', () => {
    const colours = outcomeGroups.map(({ colour }) => styles.match(`${colour}: (.*);`)?.[1]);
    expect(new Set(colours).size).toBe(outcomeGroups.length);
  });
});

describe('the counts of a second', () => {
  const countOf = (counts: number[] | null, code: string) =>
    counts?.[outcomeGroups.findIndex((group) => group.code === code)];

  it('add up codes without a group of their own', () => {
    const counts = countsByGroup({ claimed: 7, internal: 2, uri_too_long: 3 });
    expect(countOf(counts, 'claimed')).toBe(7);
    expect(countOf(counts, 'other')).toBe(5);
    expect(countOf(counts, 'sold_out')).toBe(0);
  });

  it('have no claim twice that waited in the queue', () => {
    const counts = countsByGroup({ accepted: 9, claimed: 4, sold_out: 2 });
    expect(counts?.reduce((sum, count) => sum + count, 0)).toBe(6);
  });

  it('take a code for what it is, also one that objects have a member of', () => {
    const counts = countsByGroup({ constructor: 2 });
    expect(countOf(counts, 'other')).toBe(2);
  });

  it('are unknown where the outcomes are', () => {
    expect(countsByGroup(null)).toBeNull();
  });
});

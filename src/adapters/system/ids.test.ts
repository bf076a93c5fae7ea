// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { idFor, newId } from './ids.ts';

describe('a new id', () => {
  it('creates distinct UUIDs of version 7', () => {
    const ids = Array.from({ length: 10_000 }, () => newId());
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('creates ids that sort after the earlier ones', () => {
    const ids = Array.from({ length: 1_000 }, () => newId());
    expect([...ids].sort()).toEqual(ids);
  });
});

describe('the id for a text', () => {
  it('derives the same id from the same text, and different ids from different texts', () => {
    expect(idFor('a')).toBe(idFor('a'));
    expect(new Set(['', 'a', 'A', 'ab', 'é', 'e\u0301'].map(idFor)).size).toBe(6);
  });

  it('derives UUIDs of version 8, which never equal new ones', () => {
    for (const text of ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      expect(idFor(text)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
  });

  it('derives the ids that earlier versions of the service derived', () => {
    expect(idFor('["add_stock","LAUNCH","one intent"]')).toBe(
      'e4313cfa-79e1-8061-b68c-3b998fe65a8d',
    );
  });
});

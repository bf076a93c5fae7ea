// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../client.ts';
import { ndjsonOf, spreadsheetPath } from './claims-file.ts';

describe('the path of a spreadsheet', () => {
  it.each(['drop', 'a/b', '%2e%2e', '"><script>', 'a&b=c#d?e'])('keeps the name %j', (name) => {
    const { pathname, searchParams } = new URL(
      spreadsheetPath(name, ['confirmed', 'redeemed']),
      'https://firstcome.example',
    );
    const [, api, coupons, segment = '', claims] = pathname.split('/');
    expect([api, coupons, claims]).toEqual(['api', 'coupons', 'claims']);
    expect(decodeURIComponent(segment)).toBe(name);
    expect(searchParams.get('for')).toBe('spreadsheet');
    expect(searchParams.getAll('state')).toEqual(['confirmed', 'redeemed']);
  });
});

describe('a file of claims', () => {
  async function* claims(count: number): AsyncGenerator<Claim> {
    for (let n = 1; n <= count; n += 1) yield { position: n, user_id: 'a\nb' } as Claim;
  }

  it('has a line for each claim, in order, also beyond one part', async () => {
    const counts: number[] = [];
    const file = await ndjsonOf(claims(10_001), (count) => counts.push(count));
    const lines = (await file.text()).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line).position)).toEqual(
      Array.from({ length: 10_001 }, (_, index) => index + 1),
    );
    expect(counts).toEqual([10_000, 10_001]);
  });

  it('does not exist where the claims break off', async () => {
    async function* broken(): AsyncGenerator<Claim> {
      yield* claims(2);
      throw new Error('the body ended early');
    }
    await expect(ndjsonOf(broken(), () => {})).rejects.toThrow('the body ended early');
  });
});

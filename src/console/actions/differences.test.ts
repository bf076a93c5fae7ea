// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Coupon } from '../../client.ts';
import { differences } from './differences.ts';

const coupon = {
  name: 'LAUNCH',
  opens_at: '2030-01-31T18:00:00.000Z',
  closes_at: null,
  paused: true,
  title: '2030-01-31',
} as Coupon;

describe('differences', () => {
  it('finds none where every member is as it was sent', () => {
    expect(differences({ name: 'LAUNCH', paused: true, closes_at: null }, coupon)).toEqual([]);
  });

  it('names the members that are not as they were sent', () => {
    const sent = { paused: false, closes_at: '2030-02-01T00:00:00Z', title: undefined };
    expect(differences(sent, coupon)).toEqual(['paused', 'closes_at']);
  });

  it('compares times as moments, and texts as texts', () => {
    expect(differences({ opens_at: '2030-01-31T19:00:00+01:00' }, coupon)).toEqual([]);
    expect(differences({ opens_at: null }, coupon)).toEqual(['opens_at']);
    expect(differences({ title: '2030-01-31T00:00:00Z' }, coupon)).toEqual(['title']);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { CheckedCoupon, CheckedRule } from '../../../client.ts';
import { brokenRows, verdictOf } from './check-words.ts';

function checked(
  consistent: boolean | null,
  results: readonly CheckedRule['result'][],
): CheckedCoupon {
  return {
    ...{ coupon_name: 'drop', checked_at: '2030-01-31T18:00:00Z', amount: 5, remaining_amount: 2 },
    ...{ consistent, rules: results.map((result) => ({ name: 'rule', sentence: '', result })) },
  };
}

describe('the verdict of a check', () => {
  it('is consistent only where the service says so', () => {
    expect(verdictOf(checked(true, ['passed', 'passed']))).toMatchObject({
      tone: 'good',
      title: 'Consistent',
    });
  });

  it('counts the broken rules', () => {
    const { tone, meaning } = verdictOf(checked(false, ['passed', 'broken', 'not_finished']));
    expect(tone).toBe('bad');
    expect(meaning).toContain('1 of 3 rules are broken');
  });

  it('does not pass what has not finished', () => {
    const { tone, title, meaning } = verdictOf(checked(null, ['passed', 'not_finished']));
    expect([tone, title]).toEqual(['warning', 'Not finished']);
    expect(meaning).toContain('1 of 2 would have taken too long');
  });
});

it('says that 100 broken rows may be more', () => {
  expect([1, 99, 100, undefined].map(brokenRows)).toEqual([
    ...['1 row', '99 rows', '100 rows or more', 'rows of unknown number'],
  ]);
});

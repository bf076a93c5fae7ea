// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectInvalid } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

// Text that is special in paths, in percent-encoding or for proxies.
const awkward = [
  ...['/', '//', '/a', 'a/', './.', '../..', '/..', '../', 'a/../b', '%', '%%', '%2', '%2F', '%2f'],
  ...[
    '%2e',
    '%2E%2e',
    '.%2e',
    '%252e',
    '%00',
    '%zz',
    '%ff',
    '%E2%82',
    '\\',
    '..\\',
    '\\\\x',
    '%5c',
  ],
  ...[
    '...',
    '.a',
    'a.',
    '..;',
    '.;',
    ';',
    ';x=y',
    '?',
    '?a=b',
    'a?b',
    '#',
    'a#b',
    '&',
    '=',
    '+',
    ' ',
  ],
  ...[
    '  ',
    ' a',
    'a ',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\u200b',
    '\u202e',
    '\ufffd',
    '\uffff',
    '~',
    '*',
  ],
  ...[
    'http://other.example/',
    '//other.example',
    'claims',
    'claim',
    'stock',
    '__proto__',
    '0',
    '-1',
  ],
  ...['"', "'", '<>', '[]', '{}', '|', '^', '`', ':', ':80', '@', 'a@b', ',', '!', '$', '(', ')'],
  ...[
    'é',
    'e\u0301',
    '한국어',
    '👩‍👩‍👧‍👦',
    '\u{10ffff}',
    '\u{10ffff}'.repeat(255),
    'x'.repeat(255),
  ],
];

describe('a claim', () => {
  const service = useService();

  /** The claim, read by two clients that build paths differently. */
  async function lookUp(coupon: string, user: string): Promise<unknown[]> {
    const path = pathOf(coupon, 'claims', user);
    const byFetch = await fetch(service.client.url + path);
    const byNode = await service.client.get(path);
    expect([byFetch.status, byNode.status], `${coupon} ${user}`).toEqual([200, 200]);
    return [await byFetch.json(), byNode.json];
  }

  /** Expects that a claim is accepted and can be read. Only the users `.` and `..` cannot claim. */
  async function expectRoundTrip(coupon: string, user: string): Promise<void> {
    const answer = await service.client.claim(user, coupon);
    if (user === '.' || user === '..') return expectInvalid(answer, 'user_id');
    expect(answer.status, answer.text).toBe(200);
    const { message: _, ...claim } = answer.json;
    expect(claim).toMatchObject({ coupon_name: coupon, user_id: user });
    expect(await lookUp(coupon, user)).toEqual([claim, claim]);
  }

  it('a claim can be read by fetch and by node:http under an id with characters that are special in paths', async () => {
    const coupon = await service.createCoupon({ amount: 1000 });
    await Promise.all(['.', '..', ...awkward].map((user) => expectRoundTrip(coupon, user)));
  });

  it('a claim can be read under any id of the allowed characters', async () => {
    const coupon = await service.createCoupon({ amount: 1000 });
    const dots = fc.constantFrom('.', '..', '%', '2', 'e', 'E', 'F', '/', '\\', ';', '?', '#', ' ');
    const anything = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));
    const user = fc.oneof(fc.string({ unit: dots, minLength: 1, maxLength: 6 }), anything);
    const claimed = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(user, { minLength: 10, maxLength: 20 }), async (ids) => {
        const fresh = ids.filter((id) => !claimed.has(id));
        for (const id of fresh) claimed.add(id);
        await Promise.all(fresh.map((id) => expectRoundTrip(coupon, id)));
      }),
      // A smaller case would repeat users that have claimed already.
      { numRuns: 15, endOnFailure: true },
    );
  });

  it('a claim can be read under a coupon name with characters that are special in paths', async () => {
    await Promise.all(
      awkward.map(async (name) => {
        await service.createCoupon({ name });
        const read = await fetch(service.client.url + pathOf(name));
        expect([name, read.status]).toEqual([name, 200]);
        await expectRoundTrip(name, name);
      }),
    );
  });

  it.each(['\t', 'a\tb', '\n', '\u007f', '\u0085', '\0', 'x'.repeat(256), '\ud800', ''])(
    'a claim under an id that is not allowed is refused: %j',
    async (user) => {
      const coupon = await service.createCoupon();
      expectInvalid(await service.client.claim(user, coupon), 'user_id');
    },
  );
});

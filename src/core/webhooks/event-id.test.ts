// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { eventIdOf, placeOf } from './event-id.ts';

const installation = '0123abcd-4567-4890-8123-456789abcdef/7/8/9';
const place = { couponId: '17', seq: '9007199254740993', n: 3 };

describe('the id of an event', () => {
  it('leads back to the place of the event', () => {
    const id = eventIdOf(installation, place);
    expect(id).toBe('evt_0123abcd_17_9007199254740993_3');
    expect(placeOf(installation, id)).toEqual(place);
  });

  it.each([
    ['of another installation', 'evt_1123abcd_17_1_3'],
    ['of a sample', 'evt_test_0123abcd-4567-4890-8123-456789abcdef'],
    ['with something after it', 'evt_0123abcd_17_1_3 '],
    ['with a zero before a number', 'evt_0123abcd_017_1_3'],
    ['with a number that no column can hold', 'evt_0123abcd_17_9223372036854775808_3'],
    ['with a part less', 'evt_0123abcd_17_1'],
  ])('a text %s leads nowhere', (_what, text) => {
    expect(placeOf(installation, text)).toBeUndefined();
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { faultOfHead, hasAmbiguousLength } from './request-head.ts';

/** The head of a request with these header names and different values. */
function headOf(...names: string[]) {
  const rawHeaders = names.flatMap((name, index) => [name, `value ${index}`]);
  const headers = Object.fromEntries(names.map((name) => [name.toLowerCase(), 'a value']));
  return { rawHeaders, headers, httpVersion: '1.1' };
}

const faultyFields = (...names: string[]) =>
  faultOfHead(headOf(...names))?.fields.map(({ field }) => field);

const singles = ['Origin', 'Content-Type', 'Authorization', 'Content-Length', 'Sec-Fetch-Site'];

describe('the head of a request', () => {
  it.each([...singles, 'Idempotency-Key', 'Host'])(
    'a head may have %s once and not twice',
    (name) => {
      expect(faultyFields('Host', ...(name === 'Host' ? [] : [name]))).toBeUndefined();
      for (const again of [name, name.toLowerCase(), name.toUpperCase()]) {
        expect(faultyFields('Host', 'X', ...(name === 'Host' ? [] : [name]), 'Y', again)).toEqual([
          name,
        ]);
      }
    },
  );

  it('the fault of a head names every repeated header', () => {
    const names = ['Host', ...singles, ...singles, 'origin'];
    expect(faultyFields(...names)?.sort()).toEqual([...singles].sort());
  });

  it('other headers may be repeated, also those of the same length', () => {
    const others = ['Date', 'Accept', 'Accept-Ranges', 'Content-Style', 'Sec-Fetch-Mode'];
    others.push('Accept-Encoding', 'Accept-Language', '', 'x'.repeat(16), 'x'.repeat(300));
    others.push('Idempotency_Key', 'constructor', 'toString');
    expect(faultyFields('Host', ...others, ...others)).toBeUndefined();
  });

  it('a head needs a Host in HTTP/1.1 only', () => {
    expect(faultyFields()).toEqual(['Host']);
    expect(faultOfHead({ ...headOf(), httpVersion: '1.0' })).toBeUndefined();
  });
});

it.each([
  [undefined, '1.1', false],
  [undefined, '1.0', false],
  ['chunked', '1.1', false],
  ['Chunked', '1.1', false],
  ['chunked', '1.0', true],
  ['chunked', '0.9', true],
  ['chunked', '2.0', true],
  ['gzip, chunked', '1.1', true],
  ['chunked, chunked', '1.1', true],
  ['identity', '1.1', true],
  ['', '1.1', true],
])(
  'another program may find another end of a body with the coding %j in HTTP/%s: %s',
  (coding, httpVersion, isAmbiguous) => {
    const headers = coding === undefined ? {} : { 'transfer-encoding': coding };
    expect(hasAmbiguousLength({ headers, httpVersion })).toBe(isAmbiguous);
  },
);

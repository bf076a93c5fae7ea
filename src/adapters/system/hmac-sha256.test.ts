// SPDX-License-Identifier: GPL-3.0-or-later
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacSha256Under } from './hmac-sha256.ts';

const bytesMax = 200;

describe('HMAC-SHA256', () => {
  it('is that of node:crypto for each key and message, also for several one after the other', () => {
    const key = fc.uint8Array({ maxLength: 64 });
    const messages = fc.array(fc.uint8Array({ maxLength: bytesMax }), { minLength: 1 });
    fc.assert(
      fc.property(key, messages, (keyBytes, all) => {
        const hmac = hmacSha256Under(Buffer.from(keyBytes), bytesMax);
        for (const message of all) {
          const mac = hmac((buffer) => Buffer.from(message).copy(buffer));
          expect(mac).toBe(createHmac('sha256', keyBytes).update(message).digest('binary'));
        }
      }),
    );
  });

  it('has no key of more than a block', () => {
    expect(() => hmacSha256Under(Buffer.alloc(65), 1)).toThrow('64 bytes');
  });
});

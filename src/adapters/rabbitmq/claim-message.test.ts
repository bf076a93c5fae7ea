// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeClaim, encodeClaim } from './claim-message.ts';

const installationId = 'installation';
const claim = {
  ...{ claimId: '01890a5d-ac96-774b-bcce-b302099a8057', acceptedAtMs: 1_700_000_000_000 },
  ...{ couponName: 'shoes', userId: 'ada', idempotencyKey: undefined, attempts: 0 },
};

describe('the message of a claim', () => {
  it.each([
    claim,
    { ...claim, idempotencyKey: 'key', attempts: 4 },
    { ...claim, couponName: '𝔘'.repeat(255), userId: '"\\é'.repeat(85) },
  ])('keeps all of %o', (one) => {
    expect(decodeClaim(encodeClaim(one, installationId), installationId)).toEqual(one);
  });

  it('holds no claim of another installation', () => {
    expect(decodeClaim(encodeClaim(claim, 'another'), installationId)).toEqual({
      reason: 'it is of another installation',
    });
  });

  it('is refused as a whole for any other bytes and members, without an exception', () => {
    const text = encodeClaim(claim, installationId).toString();
    const name = fc.constantFrom(...Object.keys(JSON.parse(text)), '__proto__');
    const content = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .tuple(name, fc.jsonValue())
        .map(([key, value]) => Buffer.from(JSON.stringify({ ...JSON.parse(text), [key]: value }))),
    );
    fc.assert(
      fc.property(content, (bytes) => {
        const read = decodeClaim(bytes, installationId);
        if ('reason' in read) return read.reason.length < 60;
        return decodeClaim(encodeClaim(read, installationId), installationId) !== undefined;
      }),
      { numRuns: 2_000 },
    );
  });
});

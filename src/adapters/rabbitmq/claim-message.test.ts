// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  charactersPerMessageMax,
  claimsPerMessageMax,
  decodeClaims,
  encodeClaim,
  messageOf,
  partOfClaim,
} from './claim-message.ts';

const installationId = 'installation';
const claim = {
  ...{ claimId: '01890a5d-ac96-774b-bcce-b302099a8057', acceptedAtMs: 1_700_000_000_000 },
  ...{ couponName: 'shoes', userId: 'ada', idempotencyKey: undefined, attempts: 0 },
};
const longest = '𝔘"'.repeat(127);
const claims = [
  claim,
  { ...claim, idempotencyKey: 'key', attempts: 4 },
  { ...claim, couponName: '𝔘'.repeat(255), userId: '"\\é'.repeat(85) },
  { ...claim, replyTo: 'node', traceParent: '00-0af7-b7ad-01' },
];
const decode = (content: Buffer, replyTo?: string) =>
  decodeClaims(content, installationId, replyTo);
const entryOf = (members: object) =>
  JSON.stringify({ ...JSON.parse(partOfClaim(claim)), ...members });

describe('the message of claims', () => {
  it('keeps all of each claim, in their order', () => {
    const content = messageOf(claims.map(partOfClaim), installationId);
    expect(decode(content, 'node')).toEqual({ claims, wrong: [] });
  });

  it('gives the address of the node to the claims alone that a caller waits for', () => {
    const content = messageOf([claims[3], claim].map(partOfClaim as never), installationId);
    const read = decode(content, 'another node');
    expect('claims' in read && read.claims.map(({ replyTo }) => replyTo)).toEqual([
      'another node',
      undefined,
    ]);
  });

  it('holds no claims of another installation', () => {
    expect(decode(encodeClaim(claim, 'another'))).toEqual({
      reason: 'it is of another installation',
    });
  });

  it('can be read with as many and as large claims as it may hold', () => {
    const many = messageOf(new Array(claimsPerMessageMax).fill(partOfClaim(claim)), installationId);
    expect(decode(many)).toMatchObject({ wrong: [] });
    const part = partOfClaim({
      ...{ ...claim, couponName: longest, userId: longest, idempotencyKey: '"'.repeat(255) },
      traceParent: '"'.repeat(255),
    });
    const count = Math.ceil(charactersPerMessageMax / part.length) + 1;
    expect(decode(messageOf(new Array(count).fill(part), installationId))).toMatchObject({
      wrong: [],
    });
  });

  it('loses none of its claims because of others that are wrong, which become messages of their own', () => {
    const entries = [entryOf({ user_id: '' }), partOfClaim(claim), '7', entryOf({ attempts: -1 })];
    const read = decode(messageOf(entries, installationId));
    if ('reason' in read) throw new Error(read.reason);
    expect(read.claims).toEqual([claim]);
    expect(read.wrong.map(({ reason }) => reason)).toEqual([
      'its user_id is missing or wrong',
      'it holds something else than a claim',
      'its attempts is missing or wrong',
    ]);
    for (const { content, reason } of read.wrong) expect(decode(content)).toEqual({ reason });
  });

  it('is refused as a whole for any other bytes and members, without an exception', () => {
    const text = encodeClaim(claim, installationId).toString();
    const name = fc.constantFrom(...Object.keys(JSON.parse(text)), '__proto__');
    const member = fc.constantFrom(...Object.keys(JSON.parse(text).claims[0]), '__proto__');
    const content = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .tuple(name, fc.jsonValue())
        .map(([key, value]) => Buffer.from(JSON.stringify({ ...JSON.parse(text), [key]: value }))),
      fc
        .tuple(member, fc.jsonValue())
        .map(([key, value]) => messageOf([entryOf({ [key]: value })], installationId)),
    );
    fc.assert(
      fc.property(content, (bytes) => {
        const read = decode(bytes);
        if ('reason' in read) return read.reason.length < 60;
        return read.claims.every(
          (one) => 'claims' in decode(encodeClaim(one, installationId)) && read.wrong.length === 0,
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

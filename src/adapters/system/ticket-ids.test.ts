// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { newId } from './ids.ts';
import { ticketIdsUnder } from './ticket-ids.ts';

const secretOf = (byte: number) => new Secret(Buffer.alloc(32, byte).toString('base64'));
const ids = ticketIdsUnder(secretOf(1));

const ticket = fc.record({
  claimId: fc.uuid(),
  acceptedAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});
const userId = fc.string({ minLength: 1, maxLength: 255, unit: 'binary' });

describe('a ticket id', () => {
  it('is URL-safe text of one length, and says on every node whose ticket it is', () => {
    fc.assert(
      fc.property(ticket, userId, userId, (one, owner, other) => {
        const id = ids.create(one, owner);
        expect(id).toMatch(/^[A-Za-z0-9_-]{64}$/);
        const { belongsTo, ...read } = ticketIdsUnder(secretOf(1)).read(id) ?? {};
        expect(read).toEqual(one);
        expect(belongsTo?.(owner)).toBe(true);
        expect(belongsTo?.(other)).toBe(owner === other);
      }),
    );
  });

  it('differs for each claim of a user, and shows nothing of the user', () => {
    const tags = [newId(), newId()].map((claimId) =>
      Buffer.from(ids.create({ claimId, acceptedAtMs: 1 }, 'ada'), 'base64url').toString(
        'hex',
        23,
        32,
      ),
    );
    expect(tags[0]).not.toBe(tags[1]);
  });

  it('is unknown under another secret', () => {
    const id = ids.create({ claimId: newId(), acceptedAtMs: Date.now() }, 'ada');
    expect(ticketIdsUnder(secretOf(2)).read(id)).toBeUndefined();
  });

  it('is unknown when any bit of it was changed', () => {
    const bytes = Buffer.from(
      ids.create({ claimId: newId(), acceptedAtMs: Date.now() }, 'ada'),
      'base64url',
    );
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(ids.read(changed.toString('base64url'))).toBeUndefined();
    }
  });

  it('has a single text', () => {
    const id = ids.create({ claimId: newId(), acceptedAtMs: Date.now() }, 'ada');
    const others = [`${id}=`, `${id}A`, ` ${id}`, `${id}\n`, id.slice(1), id.replace(/.$/, '')];
    // The decoder would read these as well.
    others.push(
      `${id.slice(0, 32)}\n${id.slice(32)}`,
      `${Buffer.from(id, 'base64url').toString('base64')}=`,
    );
    for (const text of others) expect(ids.read(text), text).toBeUndefined();
  });

  it('is read from any text without an exception', () => {
    const near = fc.string({
      minLength: 60,
      maxLength: 68,
      unit: fc.constantFrom(...'AZaz09_-+/=é'),
    });
    fc.assert(
      fc.property(fc.oneof(near, fc.string(), fc.string({ unit: 'binary' })), (text) => {
        expect(ids.read(text)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });
});

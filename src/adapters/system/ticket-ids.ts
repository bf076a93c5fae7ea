// SPDX-License-Identifier: GPL-3.0-or-later
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';
import type { TicketIds } from '../../core/tickets/ticket.ts';
import { hmacSha256Under } from './hmac-sha256.ts';

const version = 1;

// In bytes: version, claim id, time of acceptance, tag of the user, MAC of all before.
const claimIdAt = 1;
const acceptedAt = 17;
const userTagAt = 23;
const macAt = 32;
const size = 48;

// A multiple of 3 bytes, so each id has one text and each text one id.
const format = /^[\w-]{64}$/;
// A user has at most 255 characters of up to 4 bytes.
const signedBytesMax = 2_048;

type Hmac = ReturnType<typeof hmacSha256Under>;

/**
 * Ticket ids that every node with the same secret can verify: the base64url of 48 bytes. They do not show whose ticket it
 * is; the tag shows whether it is that of a given user.
 */
export function ticketIdsUnder(secret: Secret): TicketIds {
  const hmac = hmacSha256Under(Buffer.from(secret.reveal(), 'base64'), signedBytesMax);
  return {
    create({ claimId, acceptedAtMs }, userId) {
      const bytes = Buffer.allocUnsafe(size);
      bytes[0] = version;
      bytes.write(claimId.replaceAll('-', ''), claimIdAt, 'hex');
      bytes.writeUIntBE(acceptedAtMs, acceptedAt, userTagAt - acceptedAt);
      bytes.write(userTag(hmac, bytes, userId), userTagAt, macAt - userTagAt, 'latin1');
      bytes.write(macOf(hmac, bytes), macAt, size - macAt, 'latin1');
      return bytes.toString('base64url');
    },

    read(ticketId) {
      if (!format.test(ticketId)) return undefined;
      const bytes = Buffer.from(ticketId, 'base64url');
      if (!isEqual(macOf(hmac, bytes), bytes.subarray(macAt))) return undefined;
      if (bytes[0] !== version) return undefined;
      return {
        claimId: uuidOf(bytes.toString('hex', claimIdAt, acceptedAt)),
        acceptedAtMs: bytes.readUIntBE(acceptedAt, userTagAt - acceptedAt),
        belongsTo: (userId) =>
          isEqual(userTag(hmac, bytes, userId), bytes.subarray(userTagAt, macAt)),
      };
    },
  };
}

// The first byte of what is signed differs, so a tag is never a MAC.
function userTag(hmac: Hmac, bytes: Buffer, userId: string): string {
  return hmac((signed) => {
    signed.write('u', 'latin1');
    bytes.copy(signed, 1, claimIdAt, acceptedAt);
    const userAt = 1 + acceptedAt - claimIdAt;
    return userAt + signed.write(userId, userAt);
  });
}

function macOf(hmac: Hmac, bytes: Buffer): string {
  return hmac((signed) => {
    signed.write('t', 'latin1');
    return 1 + bytes.copy(signed, 1, 0, macAt);
  });
}

/** Compares with the beginning of a MAC, in constant time. */
function isEqual(mac: string, expected: Buffer): boolean {
  return timingSafeEqual(Buffer.from(mac, 'latin1').subarray(0, expected.length), expected);
}

function uuidOf(hex: string): string {
  return [
    ...[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)],
    hex.slice(20),
  ].join('-');
}

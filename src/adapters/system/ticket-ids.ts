// SPDX-License-Identifier: GPL-3.0-or-later
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';
import type { TicketIds } from '../../core/tickets/ticket.ts';

const version = 1;

// In bytes: version, claim id, time of acceptance, tag of the user, MAC of all before.
const claimIdAt = 1;
const acceptedAt = 17;
const userTagAt = 23;
const macAt = 32;
const size = 48;

// A multiple of 3 bytes, so each id has one text and each text one id.
const format = /^[\w-]{64}$/;

/**
 * Ticket ids that every node with the same secret can verify: the base64url of 48 bytes. They do not show whose ticket it
 * is; the tag shows whether it is that of a given user.
 */
export function ticketIdsUnder(secret: Secret): TicketIds {
  const key = createSecretKey(secret.reveal(), 'base64');
  return {
    create({ claimId, acceptedAtMs }, userId) {
      const bytes = Buffer.allocUnsafe(size);
      bytes[0] = version;
      bytes.write(claimId.replaceAll('-', ''), claimIdAt, 'hex');
      bytes.writeUIntBE(acceptedAtMs, acceptedAt, userTagAt - acceptedAt);
      userTag(key, bytes, userId).copy(bytes, userTagAt);
      macOf(key, bytes).copy(bytes, macAt);
      return bytes.toString('base64url');
    },

    read(ticketId) {
      if (!format.test(ticketId)) return undefined;
      const bytes = Buffer.from(ticketId, 'base64url');
      if (!timingSafeEqual(macOf(key, bytes), bytes.subarray(macAt))) return undefined;
      if (bytes[0] !== version) return undefined;
      return {
        claimId: uuidOf(bytes.toString('hex', claimIdAt, acceptedAt)),
        acceptedAtMs: bytes.readUIntBE(acceptedAt, userTagAt - acceptedAt),
        belongsTo: (userId) =>
          timingSafeEqual(userTag(key, bytes, userId), bytes.subarray(userTagAt, macAt)),
      };
    },
  };
}

// The first byte of what is signed differs, so a tag is never a MAC.
function userTag(key: KeyObject, bytes: Buffer, userId: string): Buffer {
  const hmac = createHmac('sha256', key).update('u');
  const digest = hmac.update(bytes.subarray(claimIdAt, acceptedAt)).update(userId).digest();
  return digest.subarray(0, macAt - userTagAt);
}

function macOf(key: KeyObject, bytes: Buffer): Buffer {
  const digest = createHmac('sha256', key).update('t').update(bytes.subarray(0, macAt)).digest();
  return digest.subarray(0, size - macAt);
}

function uuidOf(hex: string): string {
  return [
    ...[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)],
    hex.slice(20),
  ].join('-');
}

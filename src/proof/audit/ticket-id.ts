// SPDX-License-Identifier: GPL-3.0-or-later

// The first byte of the id is the version of its layout; the 16 bytes after it are the id of the claim.
const version = 1;
const claimIdBytes = 16;

/**
 * The id under which the claim of a ticket is decided, as lower-case UUID. It makes the ticket comparable with the stored
 * rows. Undefined where the ticket id has another layout.
 */
export function claimIdIn(ticketId: string): string | undefined {
  const bytes = Buffer.from(ticketId, 'base64url');
  if (bytes[0] !== version || bytes.length <= claimIdBytes) return undefined;
  const hex = bytes.toString('hex', 1, 1 + claimIdBytes);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

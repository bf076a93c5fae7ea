// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** A new UUID of version 7 (RFC 9562, 5.7): later ones sort behind earlier ones of the same process. */
export function newId(): string {
  return generator.generate().toString();
}

// A call to the system's random source costs more than the id around it, so many ids share one.
const random = { words: new Uint32Array(1024), next: 1024 };

const generator = new V7Generator({
  nextUint32() {
    if (random.next === random.words.length) {
      randomFillSync(random.words);
      random.next = 0;
    }
    random.next += 1;
    return random.words[random.next - 1] as number;
  },
});

/** The same UUID for the same text, of version 8 (RFC 9562, 5.8), so never one that `newId` gives: from its SHA-256. */
export function idFor(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

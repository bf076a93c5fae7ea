// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** A new UUID of version 7 (RFC 9562, 5.7): later ones sort behind earlier ones of the same process. */
export function newId(): string {
  return toText(generator.generate().bytes);
}

const hexDigits = Buffer.from('0123456789abcdef');
const hyphen = 0x2d;
const text = Buffer.alloc(36);

/**
 * The usual form of a UUID, written at once. Put together from its digits, as the library does it, it would be a chain
 * of dozens of pieces, which cost half a microsecond a claim to make, to join and to collect.
 */
function toText(bytes: Readonly<Uint8Array>): string {
  let end = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    text[end] = hexDigits[byte >> 4] as number;
    text[end + 1] = hexDigits[byte & 0x0f] as number;
    end += 2;
    if (index === 3 || index === 5 || index === 7 || index === 9) {
      text[end] = hyphen;
      end += 1;
    }
  }
  return text.toString('latin1');
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
  return toText(bytes);
}

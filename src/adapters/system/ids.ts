// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** A new UUID of version 7 (RFC 9562, 5.7): later ones of a process sort after earlier ones. */
export function newId(): string {
  return toText(generator.generate().bytes);
}

const hexDigits = Buffer.from('0123456789abcdef');
const hyphen = 0x2d;
const text = Buffer.alloc(36);

/**
 * Formats a UUID in one buffer. The library concatenates it from dozens of strings, which costs half a microsecond per
 * claim.
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

// A call of the system's random source costs more than the rest of an id, so many ids share one call.
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

/** A UUID of version 8 (RFC 9562, 5.8) from the SHA-256 of a text: never equal to one of `newId`. */
export function idFor(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return toText(bytes);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { hash } from 'node:crypto';

const blockBytes = 64;
const digestBytes = 32;

/**
 * HMAC-SHA256 (RFC 2104) under one key of up to 64 bytes, for messages of up to `bytesMax` bytes. An `Hmac` object for each
 * message takes four times as long. `write` puts the message into the buffer and returns its length. Returns the 32 bytes as a
 * text of as many characters (latin1).
 */
export function hmacSha256Under(
  key: Buffer,
  bytesMax: number,
): (write: (message: Buffer) => number) => string {
  if (key.length > blockBytes) throw new RangeError(`a key has at most ${blockBytes} bytes`);
  const inner = Buffer.alloc(blockBytes + bytesMax, 0x36);
  const outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);
  for (const [index, byte] of key.entries()) {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  const message = inner.subarray(blockBytes);
  return (write) => {
    const length = write(message);
    outer.write(
      hash('sha256', inner.subarray(0, blockBytes + length), 'binary'),
      blockBytes,
      'latin1',
    );
    return hash('sha256', outer, 'binary');
  };
}

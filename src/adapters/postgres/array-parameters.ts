// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A `text[]` as a parameter in the binary format of the protocol, which the driver sends unchanged. The driver's own
 * form, a quoted text that the server parses, costs both sides several times as much for each element.
 *
 * The format is that of `array_recv` in PostgreSQL's `src/backend/utils/adt/arrayfuncs.c`: the number of dimensions,
 * whether there are nulls, the type of the elements, and for each dimension its length and lower bound; then each
 * element as its length in bytes, -1 for null, and its bytes. All numbers have 32 bits, the highest byte first.
 */
import pg from 'pg';

const headBytes = 20;
const lengthBytes = 4;
// Of one UTF-16 unit in UTF-8.
const unitBytesMax = 3;

/**
 * Returns a `text[]` of the texts that `textOf` returns for the items; undefined stands for null. Lone surrogates become
 * U+FFFD, as everywhere in UTF-8.
 */
export function textArray<Item>(
  items: readonly Item[],
  textOf: (item: Item) => string | undefined,
): Buffer {
  let size = headBytes;
  for (const item of items) size += lengthBytes + (textOf(item)?.length ?? 0) * unitBytesMax;
  const bytes = Buffer.allocUnsafe(size);
  let end = headBytes;
  let hasNull = false;
  for (const item of items) {
    const text = textOf(item);
    if (text === undefined) hasNull = true;
    const length = text === undefined ? -1 : bytes.write(text, end + lengthBytes);
    bytes.writeInt32BE(length, end);
    end += lengthBytes + Math.max(0, length);
  }
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(hasNull ? 1 : 0, 4);
  bytes.writeInt32BE(pg.types.builtins.TEXT, 8);
  bytes.writeInt32BE(items.length, 12);
  bytes.writeInt32BE(1, 16);
  return bytes.subarray(0, end);
}

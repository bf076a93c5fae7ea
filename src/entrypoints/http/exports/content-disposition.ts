// SPDX-License-Identifier: GPL-3.0-or-later

// A file system allows 255 bytes; the rest is for the words around the name of the coupon.
const nameBytesMax = 200;

// What a file system gives a meaning to, and what makes a name read as another one, such as a reversed `exe.csv`.
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff<>:"/\\|?*]/gu;

/**
 * The `Content-Disposition` of an export of a coupon's claims (RFC 6266): an ASCII file name for every client, and the
 * name in UTF-8 (RFC 8187) where that differs. The name begins with `claims`, so it is neither hidden nor reserved.
 */
export function attachmentOf(couponName: string, extension: 'csv' | 'ndjson'): string {
  const safe = firstBytes(couponName.replaceAll(unsafe, '_'), nameBytesMax);
  const fileName = `claims of ${safe}.${extension}`;
  // Some clients decode percent signs in the plain form.
  const ascii = fileName.replaceAll(/[^\x20-\x7e]|%/gu, '_');
  const plain = `attachment; filename="${ascii}"`;
  return ascii === fileName ? plain : `${plain}; filename*=UTF-8''${encoded(fileName)}`;
}

/** The longest start of the text that has at most this many bytes in UTF-8. */
function firstBytes(text: string, bytesMax: number): string {
  let bytes = 0;
  let start = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) return start;
    start += character;
  }
  return start;
}

/** Percent-encodes everything but the `attr-char` of RFC 8187. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The exports of claims: their lines, and the file name under which a browser saves them. */
import type { Claim } from '../../../core/claims/claim.ts';

/** What an export is for: programs get every value unchanged, spreadsheets get no formula. */
export type ExportUse = 'program' | 'spreadsheet';

type Column = { name: string; in(claim: Claim): string };

/** The columns. A new one is only ever added at the end, since programs read columns by their place. */
const columns: readonly Column[] = [
  { name: 'position', in: ({ position }) => String(position) },
  { name: 'user_id', in: ({ userId }) => userId },
  { name: 'claim_id', in: ({ claimId }) => claimId },
  { name: 'claimed_at', in: ({ claimedAt }) => claimedAt },
  { name: 'coupon_name', in: ({ couponName }) => couponName },
  { name: 'state', in: ({ state }) => state },
  { name: 'expires_at', in: ({ expiresAt = '' }) => expiresAt },
  { name: 'released_at', in: ({ releasedAt = '' }) => releasedAt },
  { name: 'reason', in: ({ reason = '' }) => reason },
  { name: 'saga_id', in: ({ sagaId = '' }) => sagaId },
  { name: 'saga_state', in: ({ sagaState = '' }) => sagaState },
];

/** Without this mark a spreadsheet reads UTF-8 as the encoding of its country. */
const byteOrderMark = '\ufeff';

/** The claims as CSV (RFC 4180) with a header. */
export async function* csvLines(
  pages: AsyncIterable<Claim[]>,
  use: ExportUse,
): AsyncGenerator<string> {
  const header = lineOf(columns.map(({ name }) => name));
  yield use === 'spreadsheet' ? byteOrderMark + header : header;
  const textOf = use === 'spreadsheet' ? withoutFormula : (text: string) => text;
  for await (const claims of pages) {
    yield claims.map((claim) => lineOf(columns.map((column) => textOf(column.in(claim))))).join('');
  }
}

// A spreadsheet may split a cell at the list separator of its country, so each part counts as the start of a cell.
const formulaStart = /(^|[,;|\t\r\n])(?=[\s"]*[=+\-@＝＋－＠]|[\t\r\n])/g;

/** Puts an apostrophe before whatever a spreadsheet could take for a formula, so that it stays text. */
export function withoutFormula(text: string): string {
  return text.replaceAll(formulaStart, "$1'");
}

function lineOf(fields: readonly string[]): string {
  return `${fields.map(quoted).join(',')}\r\n`;
}

/** Quotes the text where RFC 4180 requires it and changes nothing else. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

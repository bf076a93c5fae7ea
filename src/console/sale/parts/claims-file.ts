// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from '../../../client.ts';

/** The path of the claims as CSV for a spreadsheet. A link to it needs no script: the browser adds the session. */
export function spreadsheetPath(couponName: string, states: readonly string[]): string {
  const query = new URLSearchParams({ for: 'spreadsheet' });
  for (const state of states) query.append('state', state);
  return `/api/coupons/${encodeURIComponent(couponName)}/claims?${query}`;
}

// A browser keeps parts of a file on disk, so that millions of claims need little memory.
const claimsPerPart = 10_000;

/** A file with a line of JSON for each claim. Calls `onCount` after each part. Rejects where the claims do. */
export async function ndjsonOf(
  claims: AsyncIterable<Claim>,
  onCount: (count: number) => void,
): Promise<Blob> {
  const parts: Blob[] = [];
  let lines: string[] = [];
  let count = 0;
  const endPart = () => {
    parts.push(new Blob(lines));
    lines = [];
    onCount(count);
  };
  for await (const claim of claims) {
    lines.push(`${JSON.stringify(claim)}\n`);
    count += 1;
    if (lines.length === claimsPerPart) endPart();
  }
  endPart();
  return new Blob(parts, { type: 'application/x-ndjson' });
}

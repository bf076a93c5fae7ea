// SPDX-License-Identifier: GPL-3.0-or-later
/** What happened to one claim. */
export function ClaimView({ query }: { query: URLSearchParams }) {
  return <h1>Claim {query.get('id')}</h1>;
}

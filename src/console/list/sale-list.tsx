// SPDX-License-Identifier: GPL-3.0-or-later
/** All sales, those that are open first. */
export function SaleList({ query }: { query: URLSearchParams }) {
  return <h1>Sales {query.get('state')}</h1>;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** The claims of a user over all coupons. */
export function UserClaims({ query }: { query: URLSearchParams }) {
  return <h1>Claims of a user {query.get('user')}</h1>;
}

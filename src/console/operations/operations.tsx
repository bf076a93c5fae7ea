// SPDX-License-Identifier: GPL-3.0-or-later
/** What is not of one sale: webhooks, sagas, dead letters, nodes, and the operator log. */
export function Operations({ part, query }: { part: string; query: URLSearchParams }) {
  return (
    <h1>
      Operations: {part} {query.get('state')}
    </h1>
  );
}

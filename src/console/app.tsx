// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { CreateSale } from './actions/create-sale.tsx';
import { SaleList } from './list/sale-list.tsx';
import { Operations } from './operations/operations.tsx';
import { PageHeader } from './page-header.tsx';
import { Link } from './routing/link.tsx';
import { type Route, useRoute } from './routing/route.ts';
import { SaleView } from './sale/sale-view.tsx';
import { ClaimView } from './search/claim-view.tsx';
import { UserClaims } from './search/user-claims.tsx';
import { SessionGate } from './session/session.tsx';

/** The views by their paths. Those of operations have a path below theirs. */
const views: Record<string, (route: Route) => ComponentChild> = {
  '': ({ query }) => <SaleList query={query} />,
  create: () => <CreateSale />,
  sale: ({ query }) => <SaleView key={query.get('name')} name={query.get('name') ?? ''} />,
  claims: ({ query }) => <UserClaims query={query} />,
  claim: ({ query }) => <ClaimView query={query} />,
  operations: ({ view, query }) => (
    <Operations part={view.split('/')[1] ?? 'webhooks'} query={query} />
  ),
};

/** The page: the login, the header, and the view that the address names. */
export function App() {
  const route = useRoute();
  const [view = ''] = route.view.split('/');
  useFocusOnChange(route.view);
  return (
    <SessionGate>
      <PageHeader view={view} />
      <main id="main" tabIndex={-1}>
        {views[view]?.(route) ?? (
          <p>
            This page does not exist. <Link view="">All sales</Link>
          </p>
        )}
      </main>
    </SessionGate>
  );
}

/** Moves the focus to the content when another view is shown, as a browser does with another page. */
function useFocusOnChange(view: string): void {
  const shown = useRef(view);
  useEffect(() => {
    if (shown.current === view) return;
    shown.current = view;
    document.getElementById('main')?.focus({ preventScroll: true });
  }, [view]);
}

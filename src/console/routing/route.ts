// SPDX-License-Identifier: GPL-3.0-or-later
/** The router of the page. Names stand in the query: a browser resolves `%2e%2e` in a path, but never in a query. */
import { useEffect, useState } from 'preact/hooks';

/** Where the service serves the page. */
const base = '/console';

/** What the address of the page says. */
export type Route = {
  /** The view: the path below `/console` without slashes at its ends. Empty: the list of sales. */
  view: string;
  query: URLSearchParams;
};

/** The values of a query. A value that is undefined or empty is left out. */
export type Query = Record<string, string | undefined>;

/** The address of a view. */
export function hrefOf(view: string, query: Query = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  const text = new URLSearchParams(given).toString();
  return `${base}${view === '' ? '' : `/${view}`}${text === '' ? '' : `?${text}`}`;
}

/** Reads an address of the page. */
export function routeOf({ pathname, search }: { pathname: string; search: string }): Route {
  const view = pathname.slice(base.length).replace(/^\/+|\/+$/g, '');
  return { view, query: new URLSearchParams(search) };
}

const changed = 'firstcome:route';

/**
 * Goes to an address of the page. With `replace` the one before is not kept in the history. Another view begins at its top; the
 * browser itself remembers where the page was before a step back.
 */
export function goTo(href: string, { replace = false } = {}): void {
  const isOtherView = new URL(href, location.href).pathname !== location.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', href);
  dispatchEvent(new Event(changed));
  if (isOtherView) scrollTo(0, 0);
}

/** The route of the page, which changes with its address. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location));
  useEffect(() => {
    const update = () => setRoute(routeOf(location));
    addEventListener('popstate', update);
    addEventListener(changed, update);
    return () => {
      removeEventListener('popstate', update);
      removeEventListener(changed, update);
    };
  }, []);
  return route;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { hrefOf, routeOf } from './route.ts';

describe('the address of a view', () => {
  it.each(['drop', 'a/b', '..', '%2e%2e', '"><script>', 'a&b=c#d?e', '\u202Egnp', '+ 10 %'])(
    'keeps the name %j',
    (name) => {
      const url = new URL(hrefOf('sale', { name }), 'https://firstcome.example');
      expect(url.pathname).toBe('/console/sale');
      const { view, query } = routeOf(url);
      expect(view).toBe('sale');
      expect(query.get('name')).toBe(name);
    },
  );

  it('leaves out what is empty', () => {
    expect(hrefOf('', { state: undefined, order: '' })).toBe('/console');
  });

  it('is the same with and without a slash at its end', () => {
    expect(routeOf({ pathname: '/console/', search: '' }).view).toBe('');
    expect(routeOf({ pathname: '/console/operations/webhooks/', search: '' }).view).toBe(
      'operations/webhooks',
    );
  });
});

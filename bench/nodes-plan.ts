// SPDX-License-Identifier: GPL-3.0-or-later
/** What `npm run bench:nodes` measures. */

const cached = { STOCK_CACHE_MAX_AGE_MS: '1000' };

/** The services: how many nodes, whether they share Redis, and their settings. */
export const services = {
  'no redis': { nodes: 1, redis: false, env: {} },
  '1 node': { nodes: 1, redis: true, env: cached },
  '2 nodes': { nodes: 2, redis: true, env: cached },
  '3 nodes': { nodes: 3, redis: true, env: cached },
  limited: { nodes: 1, redis: true, env: { RATE_LIMIT_ALL: '1/1h' } },
  empty: { nodes: 1, redis: false, env: {} },
} as const;

/** The name of a service. */
export type ServiceName = keyof typeof services;
/** What is requested from a service. */
export type Request = 'claim' | 'sold out' | 'read';

/**
 * What is measured, what it is compared with, and the least ratio that is wanted. What is compared is measured one after
 * the other where it can be, since the speed of a machine drifts.
 */
export const kinds: readonly {
  name: string;
  service: ServiceName;
  request: Request;
  base?: string;
  goal?: number;
}[] = [
  { name: 'claim, no redis', service: 'no redis', request: 'claim' },
  {
    name: 'claim, 1 node',
    service: '1 node',
    request: 'claim',
    base: 'claim, no redis',
    goal: 0.95,
  },
  {
    name: 'claim, 3 nodes',
    service: '3 nodes',
    request: 'claim',
    base: 'claim, 1 node',
    goal: 0.7,
  },
  { name: 'claim, 2 nodes', service: '2 nodes', request: 'claim', base: 'claim, 1 node' },
  {
    name: 'limited, 1 node',
    service: 'limited',
    request: 'sold out',
    base: 'sold out, empty handler',
    goal: 0.9,
  },
  { name: 'sold out, empty handler', service: 'empty', request: 'sold out' },
  {
    name: 'sold out, 1 node',
    service: '1 node',
    request: 'sold out',
    base: 'sold out, empty handler',
    goal: 0.9,
  },
  { name: 'sold out, 3 nodes', service: '3 nodes', request: 'sold out', base: 'sold out, 1 node' },
  { name: 'read, empty handler', service: 'empty', request: 'read' },
  {
    name: 'cached read, 1 node',
    service: '1 node',
    request: 'read',
    base: 'read, empty handler',
    goal: 0.9,
  },
  {
    name: 'cached read, 3 nodes',
    service: '3 nodes',
    request: 'read',
    base: 'cached read, 1 node',
  },
  {
    name: 'fresh read, no redis',
    service: 'no redis',
    request: 'read',
    base: 'read, empty handler',
  },
];

/** The kinds whose names contain the text, and those that they are compared with; none for a text that no name has. */
export function kindsNamed(text: string): typeof kinds {
  const named = kinds.filter(({ name }) => name.includes(text));
  return kinds.filter(
    (kind) => named.includes(kind) || named.some(({ base }) => base === kind.name),
  );
}

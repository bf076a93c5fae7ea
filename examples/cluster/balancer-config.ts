// SPDX-License-Identifier: GPL-3.0-or-later
/** The configuration of the balancer for any number of nodes, made from the shipped one. */

const variableLine = /^ *presetenv NODE_\d+ .*\n/gm;
const serverLines = /(?:^ *server node-\d+ .*\n)+/m;

/**
 * Replaces the list of nodes in the text of `deploy/haproxy/haproxy.cfg`. `addresses` are `host:port`. Throws if the text
 * has no such list.
 */
export function withNodes(shipped: string, addresses: readonly string[]): string {
  if (!serverLines.test(shipped)) throw new Error('haproxy.cfg has no line `server node-1 …`');
  const servers = addresses.map((address, index) => `  server node-${index + 1} ${address}\n`);
  return shipped.replaceAll(variableLine, '').replace(serverLines, servers.join(''));
}

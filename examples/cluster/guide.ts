// SPDX-License-Identifier: GPL-3.0-or-later
/** What the cluster prints when it runs: its addresses, and what to try. */

/** A process that serves at a URL. */
export type Server = { url: string; pid: number };

/** A node, such as `node-1`. */
export type Node = Server & { name: string };

/** Where everything is. */
export type Addresses = {
  /** Of the log files. */
  folder: string;
  /** Of the bundled PostgreSQL. */
  dataDir: string;
  balancer: Server;
  nodes: Node[];
  redis: Server;
  postgres: { port: number };
};

/** The addresses, a line each. */
export function addressLines({ folder, balancer, nodes, redis, postgres }: Addresses): string[] {
  const line = (name: string, address: string, pid?: number) =>
    `${name.padEnd(12)}${address.padEnd(28)}${pid === undefined ? '' : `process ${pid}`}`.trimEnd();
  return [
    line('Balancer', balancer.url, balancer.pid),
    ...nodes.map(({ name, url, pid }) => line(name, url, pid)),
    line('Redis', redis.url, redis.pid),
    line('PostgreSQL', `127.0.0.1:${postgres.port}`),
    line('Logs', folder),
  ];
}

/** Commands to try, each below what it shows. */
export function guideLines({ dataDir, balancer, nodes, redis }: Addresses): string[] {
  const killed = nodes.at(-1);
  const stopped = nodes.at(-2);
  const steps = [
    step(
      'Create a coupon, and claim it through the balancer:',
      `API=${balancer.url}/api/coupons`,
      `curl $API -d '{"name":"LAUNCH","amount":1000}'`,
      `curl $API/claim -d '{"user_id":"ada","coupon_name":"LAUNCH"}'`,
    ),
    step('Watch the stock, whichever node sells:', 'curl -N $API/LAUNCH/events'),
    step(
      'Send a crowd to all nodes, and audit what each user saw:',
      `export DATA_DIR=${dataDir}`,
      `./dist/main.js drill flash-sale${nodes.map(({ url }) => ` \\\n  --url ${url}`).join('')}`,
    ),
    ...(killed && nodes.length > 1
      ? [step('Kill a node. The others go on:', `kill -9 ${killed.pid}`)]
      : []),
    ...(stopped && nodes.length > 2
      ? [step('Stop a node in order. No client notices:', `kill ${stopped.pid}`)]
      : []),
    step('Stop Redis. Claims go on, since PostgreSQL decides them:', `kill ${redis.pid}`),
  ];
  return ['In a second terminal, in this folder, try:', ...steps.flat()];
}

function step(shows: string, ...commands: string[]): string[] {
  const lines = commands.flatMap((command) => command.split('\n'));
  return ['', shows, ...lines.map((line) => `  ${line}`)];
}

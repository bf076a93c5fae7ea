// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run cluster`: starts PostgreSQL, Redis, nodes of the service and the balancer of `deploy/haproxy`, prints what to try,
 * and ends all of it on a signal.
 */
import { checkPort } from './free-port.ts';
import { addressLines, guideLines } from './guide.ts';
import { readClusterOptions } from './options.ts';
import { RunningCluster } from './running-cluster.ts';

const options = readClusterOptions(process.argv.slice(2));
const print = (text: string) => process.stdout.write(`${text}\n`);
const stopping = new AbortController();
const { signal } = stopping;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stopping.abort());
}
// The reader of a pipe has ended.
process.stdout.on('error', () => stopping.abort());

const cluster = new RunningCluster({ signal, print });
try {
  await checkPort(options.port);
  const nodes = options.nodes === 1 ? '1 node' : `${options.nodes} nodes`;
  print(`Starting PostgreSQL, Redis, ${nodes} and a balancer …`);
  const addresses = await cluster.start(options);
  print(['', ...addressLines(addresses), '', ...guideLines(addresses), ''].join('\n'));
  print('Ctrl-C ends all and removes the database.');
  await aborted(signal);
} catch (error) {
  if (!signal.aborted) {
    process.exitCode = 1;
    const { name, message, stack } = error as Error;
    const isExpected = ['ClusterError', 'BundledPostgresError'].includes(name);
    process.stderr.write(`${isExpected ? message : stack}\n`);
  }
} finally {
  await cluster.stop();
}

/** Resolves when the signal is aborted. Keeps this process alive until then, which a listener does not. */
function aborted(of: AbortSignal): Promise<void> {
  const timer = setInterval(() => undefined, 60_000);
  return new Promise((resolve) => {
    const end = () => {
      clearInterval(timer);
      resolve();
    };
    if (of.aborted) end();
    else of.addEventListener('abort', end, { once: true });
  });
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Puts load on a target with wrk. */
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';
import { versionOf } from './machine.ts';
import { runToEnd } from './processes.ts';

/** The requests to send. `load.lua` explains the kinds. */
export type LoadOrder = {
  url: string;
  path: string;
  kind: 'claim' | 'accept' | 'repeat' | 'many' | 'batch' | 'get';
  /** The name of the coupon; for `many` the prefix of all names, which a number of five digits follows. */
  coupon: string;
  /** The number of the first user. */
  firstUser: number;
  coupons: number;
  /** Claims in one call, for `batch`. */
  entries?: number;
  connections: number;
  seconds: number;
};

/**
 * The figures of one load. They exclude requests that were in flight at the end. A load of batch calls counts claims;
 * its latencies are those of the calls.
 */
export type LoadFigures = {
  answers: number;
  seconds: number;
  /** Responses whose status is not 2xx. */
  not2xx: number;
  /** Connections that failed, and requests without a response. */
  lost: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  /** Claims that won, with those of the time before the measured seconds; only from a load that warms up itself. */
  acknowledged?: number;
  /** CPU seconds of a load that measures its own. */
  cpuSeconds?: number;
  /** The median time of the calls that carried the claims of a client. */
  callMs?: number;
  /** The median latency of the same claims with plain `fetch`, between those of the client. */
  bareFetchMs?: number;
};

/** The load generator and its version. */
export type Generator = {
  name: string;
  send(order: LoadOrder, cleanUp: CleanUp): Promise<LoadFigures>;
};

/** The message for a machine without wrk. */
export const wrkMissing = [
  'wrk, which generates the load, is not installed. Install it and try again:',
  '  Debian, Ubuntu   apt-get install wrk',
  '  macOS            brew install wrk',
  '  others           see github.com/wg/wrk',
  'bench:million and bench:overload work without it.',
].join('\n');

/** Finds wrk; undefined when it is not installed. */
export function findGenerator(): Generator | undefined {
  const version = versionOf('wrk', ['-v']);
  return version === undefined
    ? undefined
    : { name: version.replace(/ \[.*/, ''), send: sendWithWrk };
}

async function sendWithWrk(order: LoadOrder, cleanUp: CleanUp): Promise<LoadFigures> {
  const output = await runToEnd(
    'wrk',
    [
      ...['--threads', '1', '--connections', String(order.connections)],
      ...['--duration', `${order.seconds}s`, '--timeout', '30s'],
      ...['--script', join(import.meta.dirname, 'load.lua')],
      ...[order.url + order.path, '--', order.kind, order.coupon],
      ...[order.firstUser, order.coupons, order.entries ?? 1].map(String),
    ],
    cleanUp,
  );
  return figuresIn(output);
}

/** Reads the figures in the output of a load program. */
export function figuresIn(output: string): LoadFigures {
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`the load generator printed no figures:\n${output}`);
  return JSON.parse(line);
}

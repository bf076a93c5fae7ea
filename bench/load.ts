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
  kind: 'claim' | 'accept' | 'repeat' | 'many' | 'get';
  /** The name of the coupon; for `many` the prefix of all names, which a number of five digits follows. */
  coupon: string;
  /** The number of the first user. */
  firstUser: number;
  coupons: number;
  connections: number;
  seconds: number;
};

/** The figures of one load. They exclude requests that were in flight at the end. */
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
      ...[String(order.firstUser), String(order.coupons)],
    ],
    cleanUp,
  );
  return figuresIn(output);
}

function figuresIn(output: string): LoadFigures {
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`the load generator printed no figures:\n${output}`);
  return JSON.parse(line);
}

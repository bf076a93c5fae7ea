// SPDX-License-Identifier: GPL-3.0-or-later
/** The load: wrk where it is installed, else autocannon. */
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';
import { compiled } from './compile.ts';
import { versionOf } from './machine.ts';
import { runToEnd } from './processes.ts';

/** The requests to send. `load.lua` explains the kinds. */
export type LoadOrder = {
  url: string;
  path: string;
  kind: 'claim' | 'repeat' | 'many' | 'get';
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

/** A load generator. */
export type Generator = {
  name: string;
  note: string | undefined;
  send(order: LoadOrder, cleanUp: CleanUp): Promise<LoadFigures>;
};

/** Chooses the generator that this machine has. */
export function chooseGenerator(): Generator {
  const wrk = versionOf('wrk', ['-v']);
  if (wrk !== undefined) {
    return { name: wrk.replace(/ \[.*/, ''), note: undefined, send: sendWithWrk };
  }
  return {
    name: 'autocannon',
    note:
      'wrk is not installed, so the load comes from autocannon, which needs more CPU than the servers do: ' +
      'the generator is the limit here, and all ratios are closer to 1 than they are.',
    send: sendWithAutocannon,
  };
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

async function sendWithAutocannon(order: LoadOrder, cleanUp: CleanUp): Promise<LoadFigures> {
  const program = compiled('autocannon-load.ts', cleanUp);
  return figuresIn(await runToEnd(process.execPath, [program, JSON.stringify(order)], cleanUp));
}

function figuresIn(output: string): LoadFigures {
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`the load generator printed no figures:\n${output}`);
  return JSON.parse(line);
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Sends the load of one run, and keeps in mind which claims it may have stored. */
import { join } from 'node:path';
import { compiled } from './compile.ts';
import { figuresIn, type LoadFigures } from './load.ts';
import type { Bench } from './measure.ts';
import { runToEnd } from './processes.ts';
import { builtService, nodeFlags, type Target } from './targets.ts';
import type { Prepared, Workload } from './workloads.ts';

const pgbenchClients = 16;
// The next load skips so many user numbers, which requests in flight at the end of the last load may have used.
const userNumberGap = 1000;
// At half of its peak rate the client has far fewer claims under way.
const underWayAtRateMax = 20_000;

/** A load on a target. */
export type Sending = {
  workload: Workload;
  state: Prepared;
  connections: number;
  seconds: number;
  /** For a load that warms up itself. */
  warmSeconds: number;
  /** Claims a second, for a load at a fixed rate. */
  rate: number;
};

/** Sends the load. The state then says what must be stored. */
export async function send(bench: Bench, target: Target, sending: Sending): Promise<LoadFigures> {
  const { workload, state, connections } = sending;
  const { entries = 1 } = workload;
  const load = await figuresOf(bench, target, sending);
  const inFlight = connections * entries;
  const won = load.acknowledged ?? load.answers - load.not2xx;
  state.lastUser += Math.max(load.answers, load.acknowledged ?? 0) + inFlight + userNumberGap;
  if (workload.kind !== 'get') {
    state.expected.min += won;
    state.expected.max += won + inFlight + load.lost * entries;
  }
  return load;
}

async function figuresOf(bench: Bench, target: Target, sending: Sending): Promise<LoadFigures> {
  const { workload, state, connections, seconds } = sending;
  if (target.spec.kind === 'pgbench') return sendWithPgbench(bench, target, seconds);
  if (target.spec.kind === 'engine without HTTP') return claimWithEngine(bench, target, sending);
  if (workload.client !== undefined) return claimWithClient(bench, target, sending);
  const { kind, coupons, entries = 1 } = workload;
  const load = await bench.generator.send(
    {
      ...{ url: target.url ?? '', path: pathOf(workload, state), kind, coupon: state.coupon },
      ...{ firstUser: state.lastUser, coupons, entries, connections, seconds },
    },
    bench.cleanUp,
  );
  return { ...load, answers: load.answers * entries, not2xx: load.not2xx * entries };
}

function pathOf({ kind }: Workload, { coupon }: Prepared): string {
  if (kind === 'get') return `/api/coupons/${coupon}`;
  return kind === 'batch' ? '/api/claims/batch' : '/api/coupons/claim';
}

/** Callers in a process of the engine. */
async function claimWithEngine(
  bench: Bench,
  target: Target,
  { state, connections, warmSeconds, seconds }: Sending,
): Promise<LoadFigures> {
  const numbers = [connections, state.lastUser + 1, warmSeconds, seconds];
  return runProgram(bench, 'targets/engine-claims.ts', [state.coupon, ...numbers.map(String)], {
    DATABASE_URL: target.database?.url ?? '',
  });
}

/** Callers in a process of the client. */
async function claimWithClient(
  bench: Bench,
  target: Target,
  { workload, state, connections, warmSeconds, seconds, rate }: Sending,
): Promise<LoadFigures> {
  const callers = workload.client === 'rate' ? underWayAtRateMax : connections;
  const numbers = [callers, rate, state.lastUser + 1, warmSeconds, seconds];
  const args = [workload.client ?? '', target.url ?? '', state.coupon, ...numbers.map(String)];
  return runProgram(bench, 'client-claims.ts', args);
}

async function runProgram(
  { cleanUp }: Bench,
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<LoadFigures> {
  const command = [...nodeFlags(), compiled(program, cleanUp), ...args];
  const output = await runToEnd(process.execPath, command, cleanUp, {
    env: { BUILT_SERVICE: builtService, ...env },
  });
  return figuresIn(output);
}

async function sendWithPgbench(
  bench: Bench,
  target: Target,
  seconds: number,
): Promise<LoadFigures> {
  const rows = await target.database?.query<{ id: string }>('select max(id) as id from coupons');
  const output = await runToEnd(
    'pgbench',
    [
      ...['--no-vacuum', '--protocol', 'prepared', '--time', String(seconds)],
      ...['--client', String(pgbenchClients), '--jobs', '1'],
      // A random start, so that each load has its own users.
      ...['--define', `number=${Math.floor(Math.random() * 10_000_000)}`],
      ...['--define', `coupon=${rows?.[0]?.id}`],
      ...['--file', join(import.meta.dirname, 'usual-design.pgbench.sql')],
      target.database?.url ?? '',
    ],
    bench.cleanUp,
  );
  const figure = (pattern: RegExp) => Number(pattern.exec(output)?.[1]);
  const answers = figure(/transactions actually processed: (\d+)/);
  const meanMs = figure(/latency average = ([\d.]+) ms/);
  return {
    ...{ answers, seconds: answers / figure(/tps = ([\d.]+)/), not2xx: 0 },
    lost: figure(/failed transactions: (\d+)/) || 0,
    // pgbench reports only the mean latency; the report says so.
    ...{ p50Ms: meanMs, p90Ms: meanMs, p99Ms: meanMs, p999Ms: meanMs, maxMs: meanMs },
  };
}

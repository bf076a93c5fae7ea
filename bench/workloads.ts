// SPDX-License-Identifier: GPL-3.0-or-later
/** The workloads: the coupons that each needs, and the outcomes that each allows. */
import type { ExpectedClaims } from './audit.ts';
import type { LoadFigures, LoadOrder } from './load.ts';
import { prefill } from './prefill.ts';
import type { WorkloadName } from './results.ts';
import { claim, coupon, sendAll } from './set-up.ts';
import type { Target } from './targets.ts';

/** The state of a workload on one target between two runs. */
export type Prepared = {
  coupon: string;
  /** The highest number of a user who may have claimed. The next load starts after it. */
  lastUser: number;
  expected: ExpectedClaims;
};

/** A kind of traffic. */
export type Workload = {
  kind: LoadOrder['kind'];
  /** Claims in one call, for batch calls. */
  entries?: number;
  /** How callers in one process claim through the client; undefined: wrk sends the requests. */
  client?: 'loop' | 'rate' | 'alone';
  /** The prefix of its coupon names. The empty handler derives the outcome from it. */
  prefix: string;
  /** Whether every run starts with an empty database and a new coupon. Otherwise runs share the prepared coupons. */
  fresh: boolean;
  coupons: number;
  /** Claims of the coupon that succeed before the load. */
  claimsBefore: number;
  /** Number of further coupons, which have a hundred claims each before the load. */
  others: number;
  /** Units of a coupon. */
  amount: number;
  /** The allowed outcomes of its claims. */
  outcomes: readonly string[];
  /** Describes what is wrong with the figures; undefined when they are right. */
  check(load: LoadFigures): string | undefined;
};

const plenty = 2_000_000_000;
const holdersShown = 1000;
const claimsOfOthers = 100;
const all2xx = ({ not2xx }: LoadFigures) =>
  not2xx === 0 ? undefined : `${not2xx} responses were not 2xx`;

const hot: Workload = {
  ...{ kind: 'claim', prefix: 'HOT', fresh: true, coupons: 1, claimsBefore: 0, others: 0 },
  amount: plenty,
  outcomes: ['claimed'],
  check: all2xx,
};

/** All workloads by name. */
export const workloads: Record<WorkloadName, Workload> = {
  'hot coupon': hot,
  'sold out': {
    ...hot,
    ...{ prefix: 'SOLD', fresh: false, claimsBefore: 1000, amount: 1000 },
    outcomes: ['sold_out'],
    check: ({ answers, not2xx }) =>
      answers === not2xx ? undefined : `${answers - not2xx} claims succeeded after the last unit`,
  },
  'double claims': {
    ...hot,
    ...{ kind: 'repeat', prefix: 'TWICE' },
    outcomes: ['claimed', 'already_claimed'],
    check: () => undefined,
  },
  'read, no claims': { ...hot, kind: 'get', prefix: 'EMPTY', fresh: false },
  'read, 1,000 claims': {
    ...hot,
    ...{ kind: 'get', prefix: 'FULL', fresh: false, claimsBefore: holdersShown },
  },
  '10,000 warm coupons': { ...hot, kind: 'many', prefix: 'MANY', fresh: false, coupons: 10_000 },
  'hot coupon of 100': { ...hot, others: 99 },
  'batch calls of 10': { ...hot, kind: 'batch', entries: 10 },
  'batch calls of 100': { ...hot, kind: 'batch', entries: 100 },
  'batch calls of 1,000': { ...hot, kind: 'batch', entries: 1000 },
  'client, coalescing': { ...hot, client: 'loop' },
  'client, coalescing, at half of its peak': { ...hot, client: 'rate' },
  'client, one caller': { ...hot, client: 'alone' },
};

let namesGiven = 0;

/** Empties the database of a target and creates the coupons of a workload. */
export async function prepare(workload: Workload, target: Target): Promise<Prepared> {
  await target.database?.empty();
  namesGiven += 1;
  const name = `${workload.prefix}-${namesGiven}`;
  if (target.spec.kind === 'pgbench') {
    const values = [name, workload.amount];
    await target.database?.query(
      'insert into coupons (name, amount, remaining) values ($1, $2, $2)',
      values,
    );
    return { coupon: name, lastUser: 0, expected: { min: 0, max: 0 } };
  }
  // The engine without HTTP creates its coupon.
  if (target.spec.kind === 'engine without HTTP') {
    return { coupon: name, lastUser: 0, expected: { min: 0, max: 0 } };
  }
  const url = target.url ?? '';
  if (workload.kind === 'many') return prepareMany(workload, url, `${name}-`);
  await sendAll(url, [coupon(name, workload.amount)]);
  const before = target.spec.claimsBefore ?? 0;
  if (before > 0 && target.database) await prefill(target.database, name, before);
  const count = workload.claimsBefore;
  if (target.database) {
    await sendAll(
      url,
      Array.from({ length: count }, (_, index) => claim(name, index + 1)),
    );
  }
  for (let other = 1; other <= workload.others; other += 1) {
    await sendAll(url, [coupon(`${name}-beside-${other}`, claimsOfOthers)]);
    await sendAll(
      url,
      Array.from({ length: claimsOfOthers }, (_, index) =>
        claim(`${name}-beside-${other}`, index + 1),
      ),
    );
  }
  const stored = before + count + workload.others * claimsOfOthers;
  return { coupon: name, lastUser: stored, expected: { min: stored, max: stored } };
}

/** Creates the coupons and claims each of them once, so that the service knows all of them before the load. */
async function prepareMany(workload: Workload, url: string, prefix: string): Promise<Prepared> {
  const names = Array.from({ length: workload.coupons }, (_, index) => prefix + (10_001 + index));
  await sendAll(
    url,
    names.map((name) => coupon(name, workload.amount)),
  );
  await sendAll(
    url,
    names.map((name, index) => claim(name, index + 1)),
  );
  const stored = names.length;
  return { coupon: prefix, lastUser: stored, expected: { min: stored, max: stored } };
}

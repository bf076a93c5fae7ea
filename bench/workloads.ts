// SPDX-License-Identifier: GPL-3.0-or-later
/** What each workload needs before it can be sent, and what its answers must be. */
import type { ToldClaims } from './audit.ts';
import type { LoadFigures, LoadOrder } from './load.ts';
import { prefill } from './prefill.ts';
import type { WorkloadName } from './results.ts';
import { askAll, claim, coupon } from './set-up.ts';
import type { Target } from './targets.ts';

/** A workload on one target, between two runs. */
export type Prepared = {
  coupon: string;
  /** The last user who may have claimed; the next load begins behind. */
  lastUser: number;
  told: ToldClaims;
};

/** A kind of traffic. */
export type Workload = {
  kind: LoadOrder['kind'];
  /** How the names of its coupons begin; the empty handler tells from it which answer is wanted. */
  prefix: string;
  /** Whether every run has an empty database and a coupon of its own. Otherwise what was prepared is used again. */
  fresh: boolean;
  coupons: number;
  /** Claims of the coupon that win before the load. */
  claimsBefore: number;
  /** Coupons beside it that are claimed before, a hundred times each. */
  others: number;
  /** Units of a coupon. */
  amount: number;
  /** The outcomes that its claims may have. */
  outcomes: readonly string[];
  /** What is wrong with the figures; undefined when nothing is. */
  check(load: LoadFigures): string | undefined;
};

const plenty = 2_000_000_000;
const holdersShown = 1000;
const claimsOfOthers = 100;
const all2xx = ({ not2xx }: LoadFigures) =>
  not2xx === 0 ? undefined : `${not2xx} answers were not 2xx`;

const hot: Workload = {
  ...{ kind: 'claim', prefix: 'HOT', fresh: true, coupons: 1, claimsBefore: 0, others: 0 },
  amount: plenty,
  outcomes: ['claimed'],
  check: all2xx,
};

/** Every workload by its name. */
export const workloads: Record<WorkloadName, Workload> = {
  'hot coupon': hot,
  'sold out': {
    ...hot,
    ...{ prefix: 'SOLD', fresh: false, claimsBefore: 1000, amount: 1000 },
    outcomes: ['sold_out'],
    check: ({ answers, not2xx }) =>
      answers === not2xx ? undefined : `${answers - not2xx} claims won after the last unit`,
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
};

let namesGiven = 0;

/** Makes the coupons of a workload on a target whose database is emptied before. */
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
    return { coupon: name, lastUser: 0, told: { min: 0, max: 0 } };
  }
  const url = target.url ?? '';
  if (workload.kind === 'many') return prepareMany(workload, url, `${name}-`);
  await askAll(url, [coupon(name, workload.amount)]);
  const before = target.spec.claimsBefore ?? 0;
  if (before > 0 && target.database) await prefill(target.database, name, before);
  const count = workload.claimsBefore;
  if (target.database) {
    await askAll(
      url,
      Array.from({ length: count }, (_, index) => claim(name, index + 1)),
    );
  }
  for (let other = 1; other <= workload.others; other += 1) {
    await askAll(url, [coupon(`${name}-beside-${other}`, claimsOfOthers)]);
    await askAll(
      url,
      Array.from({ length: claimsOfOthers }, (_, index) =>
        claim(`${name}-beside-${other}`, index + 1),
      ),
    );
  }
  const told = before + count + workload.others * claimsOfOthers;
  return { coupon: name, lastUser: told, told: { min: told, max: told } };
}

/** Coupons that have all been claimed once, so that nothing of them is met for the first time under load. */
async function prepareMany(workload: Workload, url: string, prefix: string): Promise<Prepared> {
  const names = Array.from({ length: workload.coupons }, (_, index) => prefix + (10_001 + index));
  await askAll(
    url,
    names.map((name) => coupon(name, workload.amount)),
  );
  await askAll(
    url,
    names.map((name, index) => claim(name, index + 1)),
  );
  const told = names.length;
  return { coupon: prefix, lastUser: told, told: { min: told, max: told } };
}

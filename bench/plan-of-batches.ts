// SPDX-License-Identifier: GPL-3.0-or-later
/** The measurements of many claims in one call, beside what they are compared with. */
import type { Step } from './plan.ts';
import type { BatchWorkloadName, TargetSpec, WorkloadName } from './results.ts';

/** Callers of the client and of the engine without HTTP. Batch calls have as many claims under way. */
export const callers = 2000;
/** Connections of the single claims. */
export const singleConnections = 256;

const claimsInOneCall: Record<BatchWorkloadName, number> = {
  'batch calls of 10': 10,
  'batch calls of 100': 100,
  'batch calls of 1,000': 1000,
};

/** The connections of the batch calls of a workload. */
export function batchConnections(workload: BatchWorkloadName): number {
  return callers / claimsInOneCall[workload];
}

/** The names of the batch workloads, and how many claims a call has. */
export const batchWorkloads = Object.entries(claimsInOneCall) as [BatchWorkloadName, number][];

/** Steps that share one process of the service, so that the ratios compare the same minutes. */
export function manyInOneCall(options: Pick<Step, 'rounds' | 'seconds'>): Step[] {
  const empty: TargetSpec = { kind: 'empty handler' };
  const firstcome: TargetSpec = { kind: 'firstcome' };
  const engine: TargetSpec = { kind: 'engine without HTTP' };
  const at = (workload: WorkloadName, connections: number, targets: TargetSpec[]): Step => ({
    ...{ workload, connections, targets, ...options },
    warmSeconds: { newProcess: Math.min(2, options.seconds), newTraffic: 1, eachRun: 0 },
  });
  return [
    at('hot coupon', singleConnections, [empty, firstcome]),
    at('hot coupon', callers, [engine]),
    ...batchWorkloads.map(([workload]) => at(workload, batchConnections(workload), [firstcome])),
    at('client, coalescing', callers, [firstcome]),
    at('client, coalescing, at half of its peak', callers, [firstcome]),
    at('client, one caller', 1, [firstcome]),
  ];
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** What a drill under a failover must have shown, and the figures of all drills. */
import { expect } from 'vitest';
import type { FailoverResult } from './drill-under-failover.ts';

const downSeconds = new Map<string, number[]>();

/** Expects that no acknowledged claim is lost, that no refusal was wrong, and that all nodes are ready again. */
export function expectPassed(name: string, result: FailoverResult): void {
  const { verdict, findings, end, report } = print(name, result);
  expect({ verdict, findings, end }, report).toEqual({
    ...{ verdict: 'passed', findings: [], end: 'ready' },
  });
}

/** Expects that the audit misses acknowledged claims, and that the nodes refused all calls until that was accepted. */
export function expectLossNoticed(name: string, result: FailoverResult): void {
  const { verdict, findings, end, lostBatches, report } = print(name, result);
  expect({ verdict, end }, report).toEqual({ verdict: 'failed', end: 'history_lost' });
  expect(findings.join('\n')).toMatch(/^R3: /m);
  expect(lostBatches).toBeGreaterThan(0);
}

/** Prints the median of each failover that was played more than once. */
export function printFigures(): void {
  for (const [name, all] of downSeconds) {
    const sorted = all.toSorted((one, other) => one - other);
    if (sorted.length < 2) continue;
    const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map(
      (index) => sorted[index]?.toFixed(1),
    );
    process.stdout.write(
      `${name}: ${median} s down (${least} to ${most}) in ${all.length} rounds\n`,
    );
  }
}

function print(name: string, result: FailoverResult): FailoverResult {
  const { end, wonMs, unknown, verdict, lostBatches } = result;
  const isReady = end === 'ready';
  if (isReady) downSeconds.set(name, [...(downSeconds.get(name) ?? []), result.downSeconds]);
  const state = isReady
    ? `${result.downSeconds.toFixed(1)} s down`
    : `all calls refused until the loss of ${lostBatches} batches was accepted`;
  process.stdout.write(
    `${name}: ${state}, ${wonMs.length} claims, ${unknown} unknown outcomes, audit ${verdict}\n`,
  );
  return result;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from './evidence.ts';

/** Whether the operation was under way during a fault, or began within the grace time after it. */
export function isInFault({ history, faults = [], options }: Evidence, op: number): boolean {
  const from = history.begunMs.at(op);
  const to = history.endMs(op);
  return faults.some((fault) => from <= fault.endMs + options.resetGraceMs && to >= fault.beginMs);
}

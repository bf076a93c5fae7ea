// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClientWay } from './client-gateway.ts';
import type { FaultScenario } from './loads.ts';
import type { Unknowns } from './seen.ts';

/** The result of a run. */
export type RunResult = {
  row: number;
  name: string;
  scenario: FaultScenario;
  seed: number;
  isBrief: boolean;
  hasRedis: boolean;
  isQueued: boolean;
  /** How claims went through the client of the package; undefined: they did not. */
  client: ClientWay | undefined;
  verdict: 'passed' | 'failed' | 'unknown' | 'skipped';
  seconds: number;
  /** Operations that clients began. */
  asked: number;
  wins: number;
  /** Faults that were injected. */
  faults: number;
  /** From the start of the first fault to the end of the last. */
  faultSeconds: number;
  /** Operations that were refused, slow or of unknown outcome, during a fault or soon after. */
  felt: number;
  unknowns: Unknowns;
  figures: string[];
  /** The violations, or why the run was skipped. */
  findings: string[];
};

/** Whether a run passed, or was skipped. */
export function isWell({ verdict }: RunResult): boolean {
  return verdict === 'passed' || verdict === 'skipped';
}

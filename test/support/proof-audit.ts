// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs the audit on histories that a test has made. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditReport, auditHistory } from '../../src/proof/audit/audit.ts';
import type { AuditOptions } from '../../src/proof/audit/options.ts';
import type { Dump } from '../../src/proof/dump.ts';
import type { FaultEvent, HistoryEvent } from '../../src/proof/history.ts';
import { head, writeJsonLines } from './proof-recorder.ts';

/** A temporary folder for one test file, and a function that removes it. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'firstcome-audit-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Options for sales that are too small to pass R18, but can be judged by all other rules. */
export const anySize: Partial<AuditOptions> = { okClaimsMin: 0, refusals: [] };

export function auditRecorded(
  folder: string,
  recorded: {
    events: readonly HistoryEvent[];
    faults?: readonly FaultEvent[];
    dump: Dump;
    scenario?: string;
  },
  options: Partial<AuditOptions> = anySize,
): Promise<AuditReport> {
  const { events, faults = [], dump, scenario = head.scenario } = recorded;
  const historyFile = join(folder, 'history.jsonl');
  const faultsFile = faults.length > 0 ? join(folder, 'faults.jsonl') : undefined;
  writeJsonLines(historyFile, [{ ...head, scenario }, ...events]);
  if (faultsFile !== undefined) writeJsonLines(faultsFile, faults);
  return auditHistory({ historyFile, faultsFile, dump, options });
}

/** The rules that failed. */
export function failedRules({ rules }: AuditReport): string[] {
  return rules.filter(({ verdict }) => verdict === 'failed').map(({ rule }) => rule);
}

/** The rules that could not judge the run, with the reason. */
export function rulesThatLeaveOpen({ rules }: AuditReport): string[] {
  return rules
    .filter(({ verdict }) => verdict === 'unknown')
    .map(({ rule, notes }) => `${rule}: ${notes.join('; ')}`);
}

/** All violations, for the output of a failed test. */
export function violationsOf({ rules }: AuditReport): string[] {
  return rules.flatMap(({ rule, violations }) => violations.map((text) => `${rule}: ${text}`));
}

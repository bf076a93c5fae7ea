// SPDX-License-Identifier: GPL-3.0-or-later
import type { Dump } from '../dump.ts';
import type { HistoryHead } from '../history.ts';
import { assertDump } from './dump-file.ts';
import { type Evidence, joinEvidence } from './evidence.ts';
import { type AuditOptions, defaultOptions } from './options.ts';
import { readFaults } from './read-faults.ts';
import { readHistory } from './read-history.ts';
import { throwNaming } from './read-lines.ts';
import { rules } from './rules.ts';
import { takeDump } from './take-dump.ts';
import { overallVerdict, type RuleReport, type Verdict } from './verdict.ts';

/** What is audited: a recorded history, and the tables as they are stored once everything has come to rest. */
export type AuditInput = {
  historyFile: string;
  /** Faults that were injected meanwhile. */
  faultsFile?: string | undefined;
  options?: Partial<AuditOptions> | undefined;
} & ({ dump: Dump } | { databaseUrl: string });

/** The verdict, and what each rule found. */
export type AuditReport = {
  verdict: Verdict;
  head: HistoryHead;
  /** Operations in the history. */
  operations: number;
  /** Claims in the dump. */
  storedClaims: number;
  rules: RuleReport[];
  /** What the reading tolerated. */
  notes: string[];
};

/**
 * Judges a history against what is stored, by rules that know the answers' meaning and nothing of how the service comes
 * to them. Rejects when the history contradicts itself or cannot be read: then there is nothing to judge.
 */
export async function auditHistory(input: AuditInput): Promise<AuditReport> {
  const history = await readHistory(input.historyFile).catch(throwNaming(input.historyFile));
  const options = { ...optionsFor(history.head), ...input.options };
  const { faultsFile } = input;
  const faults =
    faultsFile === undefined
      ? undefined
      : await readFaults(faultsFile).catch(throwNaming(faultsFile));
  const dump = 'dump' in input ? input.dump : await takeDump(input.databaseUrl);
  assertDump(dump);
  const evidence = joinEvidence({ history, dump, faults, options });
  const reports = rules.map((rule) => rule(evidence));
  return {
    verdict: overallVerdict(reports),
    head: history.head,
    operations: history.count,
    storedClaims: dump.claims.length,
    rules: reports,
    notes: [...history.notes, ...notesOn(evidence)],
  };
}

/** An overload has units for everybody, so nobody has to hear a refusal that is a decision. */
function optionsFor({ scenario }: HistoryHead): AuditOptions {
  return scenario === 'overload' ? { ...defaultOptions, refusals: [] } : defaultOptions;
}

function notesOn({ sales }: Evidence): string[] {
  const others = sales.filter(({ ops }) => ops.length === 0).length;
  return others === 0
    ? []
    : [`${others} coupons are not of this history: only their books are judged`];
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Dump } from '../dump.ts';
import type { HistoryHead } from '../history.ts';
import { counted } from '../numbers.ts';
import { assertDump } from './dump-file.ts';
import { type Evidence, joinEvidence } from './evidence.ts';
import { type AuditOptions, defaultOptions } from './options.ts';
import { type FaultSpan, readFaults } from './read-faults.ts';
import { readHistory } from './read-history.ts';
import { throwNaming } from './read-lines.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { rules } from './rules.ts';
import { type DumpedDatabase, takeDump } from './take-dump.ts';
import { overallVerdict, type RuleReport, type Verdict } from './verdict.ts';

/** What is audited: a recorded history, and the tables as they are stored once everything has come to rest. */
export type AuditInput = {
  historyFile: string;
  /** What was broken on purpose meanwhile. */
  faultsFile?: string | undefined;
  options?: Partial<AuditOptions> | undefined;
} & ({ dump: Dump } | { database: DumpedDatabase });

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
  const faults = await faultsDuring(history, input.faultsFile);
  const dump = 'dump' in input ? input.dump : await takeDump(input.database);
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

/** The faults that are told, but those of a time before the history: a file may serve several drills. */
async function faultsDuring(
  { head, notes }: RecordedHistory,
  file: string | undefined,
): Promise<FaultSpan[] | undefined> {
  if (file === undefined) return undefined;
  const told = await readFaults(file, head.started_at).catch(throwNaming(file));
  const faults = told.filter(({ endMs }) => endMs >= 0);
  const before = told.length - faults.length;
  if (before > 0) notes.push(`${counted(before, 'fault')} ended before this history began`);
  return faults;
}

/** An overload has units for everybody, so nobody has to hear a refusal that is a decision. */
function optionsFor({ scenario }: HistoryHead): AuditOptions {
  return scenario === 'overload' ? { ...defaultOptions, refusals: [] } : defaultOptions;
}

function notesOn({ sales }: Evidence): string[] {
  const own = sales.filter(({ isForeign }) => !isForeign);
  if (own.length > 0 && own.every(({ coupon }) => coupon === undefined)) {
    return [
      'no coupon of this history is stored: is this the database of the service that was drilled?',
    ];
  }
  const others = sales.filter(({ ops }) => ops.length === 0).length;
  if (others === 0) return [];
  const [are, their] = others === 1 ? ['is', 'its'] : ['are', 'their'];
  return [
    `${counted(others, 'coupon')} ${are} not of this history: only ${their} books are judged`,
  ];
}

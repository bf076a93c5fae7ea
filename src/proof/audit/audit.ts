// SPDX-License-Identifier: GPL-3.0-or-later
import type { Dump } from '../dump.ts';
import type { HistoryHead } from '../history.ts';
import { counted } from '../numbers.ts';
import { assertDump } from './dump-file.ts';
import { combineEvidence, type Evidence } from './evidence.ts';
import { type AuditOptions, defaultOptions } from './options.ts';
import { type FaultSpan, readFaults } from './read-faults.ts';
import { readHistory } from './read-history.ts';
import { throwNaming } from './read-lines.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { rules } from './rules.ts';
import { type DumpedDatabase, takeDump } from './take-dump.ts';
import { overallVerdict, type RuleReport, type Verdict } from './verdict.ts';

/** What is audited: a recorded history, and the tables after the run, once nothing is under way. */
export type AuditInput = {
  historyFile: string;
  /** The faults that were injected during the history. */
  faultsFile?: string | undefined;
  options?: Partial<AuditOptions> | undefined;
} & ({ dump: Dump } | { database: DumpedDatabase });

/** The verdict, and the findings of each rule. */
export type AuditReport = {
  verdict: Verdict;
  head: HistoryHead;
  /** Operations in the history. */
  operations: number;
  /** Claims in the dump. */
  storedClaims: number;
  rules: RuleReport[];
  /** What the readers tolerated, and what limits the audit. */
  notes: string[];
};

/**
 * Judges a history against the stored tables. The rules know the meaning of the answers and share no code with the
 * engine. Rejects when the history contradicts itself or cannot be read, since nothing can be judged then.
 */
export async function auditHistory(input: AuditInput): Promise<AuditReport> {
  const history = await readHistory(input.historyFile).catch(throwNaming(input.historyFile));
  const options = { ...optionsFor(history.head), ...input.options };
  const faults = await faultsDuring(history, input.faultsFile);
  const dump = 'dump' in input ? input.dump : await takeDump(input.database);
  assertDump(dump);
  const evidence = combineEvidence({ history, dump, faults, options });
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

/** The faults of the file, without those that ended before the history began: one file may serve several drills. */
async function faultsDuring(
  { head, notes }: RecordedHistory,
  file: string | undefined,
): Promise<FaultSpan[] | undefined> {
  if (file === undefined) return undefined;
  const all = await readFaults(file, head.started_at).catch(throwNaming(file));
  const faults = all.filter(({ endMs }) => endMs >= 0);
  const before = all.length - faults.length;
  if (before > 0) notes.push(`${counted(before, 'fault')} ended before this history began`);
  return faults;
}

/** What a scenario promises. An overload has enough units for all users, so it needs no refusal that is a decision. */
const promises: Record<string, Partial<AuditOptions>> = {
  overload: { refusals: [] },
  holds: { changes: ['confirmed', 'released', 'expired'] },
  redeem: { changes: ['confirmed', 'redeemed'] },
  sagas: { changes: ['confirmed', 'redeemed', 'released'] },
};

function optionsFor({ scenario }: HistoryHead): AuditOptions {
  return { ...defaultOptions, ...promises[scenario] };
}

function notesOn({ sales }: Evidence): string[] {
  const own = sales.filter(({ isForeign }) => !isForeign);
  if (own.length > 0 && own.every(({ coupon }) => coupon === undefined)) {
    return ['no coupon of this history is stored: is this the database of the drilled service?'];
  }
  const others = sales.filter(({ ops }) => ops.length === 0).length;
  if (others === 0) return [];
  const [are, their] = others === 1 ? ['is', 'its'] : ['are', 'their'];
  return [
    `${counted(others, 'coupon')} ${are} not of this history: only ${their} tables are judged`,
  ];
}

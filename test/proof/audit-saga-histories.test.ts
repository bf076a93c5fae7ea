// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, describe, expect, it } from 'vitest';
import type { EntryRecord, ReceivedRecord } from '../../src/proof/history.ts';
import {
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import { generateSagaHistory, type SagaHistory } from '../support/proof-saga-histories.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const histories = 1000;
const rulesOfSagas = ['R15', 'R24', 'R25', 'R26', 'R27', 'R28', 'R29'];

// The thousand histories may take half a minute on a busy machine.
describe('the audit of sales with sagas', { timeout: 240_000 }, () => {
  it('reports no violation in a thousand correct histories with sagas', async () => {
    const alarms: string[] = [];
    const checked = new Map<string, number>();
    for (let seed = 1; seed <= histories; seed += 1) {
      const report = await auditRecorded(folder.path, generateSagaHistory(seed));
      for (const { rule, checked: count } of report.rules) {
        checked.set(rule, (checked.get(rule) ?? 0) + count);
      }
      if (report.verdict === 'passed') continue;
      alarms.push(`seed ${seed}: ${report.verdict}`, ...violationsOf(report));
      alarms.push(...report.rules.filter((r) => r.verdict === 'unknown').map((r) => `${r.rule}?`));
    }
    expect(alarms).toEqual([]);
    for (const rule of rulesOfSagas) expect(checked.get(rule), rule).toBeGreaterThan(1000);
  });

  const defects: [what: string, rule: string, plant: (history: SagaHistory) => boolean][] = [
    ['an event that is lost', 'R15', loseEvent],
    ['a payment that is booked under a second key', 'R24', payTwice],
    ['points that were never granted', 'R25', forgetPoints],
    ['a refund that never happened', 'R26', forgetRefund],
    ['a saga that is done with a claim that is released', 'R27', endOtherwise],
    ['a payment that a late call captures after its undo', 'R28', captureLate],
  ];

  it.each(defects)('finds a defect every time: %s (%s)', async (_, rule, plant) => {
    let planted = 0;
    for (let seed = 1; seed <= 100; seed += 1) {
      const history = generateSagaHistory(seed);
      if (!plant(history)) continue;
      planted += 1;
      for (const [i, event] of history.events.entries()) event.i = i;
      const report = await auditRecorded(folder.path, history);
      expect(failedRules(report), `seed ${seed}`).toContain(rule);
    }
    expect(planted).toBeGreaterThan(10);
  });
});

function loseEvent({ events }: SagaHistory): boolean {
  const lines = events as unknown as ReceivedRecord[];
  const lost = lines.findLast(
    ({ type, event }) => type === 'received' && event === 'claim.released',
  );
  if (lost === undefined) return false;
  for (let at = lines.length - 1; at >= 0; at -= 1)
    if (lines[at]?.id === lost.id) lines.splice(at, 1);
  return true;
}

/** The entries of the history whose claims are not those of sagas that need attention. */
function entriesIn({ events, dump }: SagaHistory, action: EntryRecord['action']): EntryRecord[] {
  const open = new Set(dump.sagas.filter(({ state }) => state === 'A').map((one) => one.claim_id));
  const lines = events as unknown as EntryRecord[];
  return lines.filter((one) => {
    return one.type === 'entry' && one.action === action && !open.has(one.claim_id);
  });
}

/** Puts a line before the last reading of the book. */
function addEntry({ events }: SagaHistory, entry: EntryRecord): void {
  const read = events.findLastIndex((one) => {
    const { type, book } = one as unknown as { type: string; book?: string };
    return type === 'book_read' && book === entry.book;
  });
  const line = events[read] as unknown as { seq: number; t_ms: number };
  line.seq += 1;
  const added = { ...entry, seq: line.seq, t_ms: line.t_ms };
  events.splice(read, 0, added as unknown as (typeof events)[number]);
}

function payTwice(history: SagaHistory): boolean {
  const [entry] = entriesIn(history, 'capture');
  if (entry !== undefined) addEntry(history, entry);
  return entry !== undefined;
}

/** Takes an entry out of the history. Its number in the book is left out. */
function forget({ events }: SagaHistory, entry: EntryRecord | undefined): boolean {
  const at = events.indexOf(entry as unknown as (typeof events)[number]);
  if (at !== -1) events.splice(at, 1);
  return at !== -1;
}

function forgetPoints(history: SagaHistory): boolean {
  return forget(history, entriesIn(history, 'grant')[0]);
}

function forgetRefund(history: SagaHistory): boolean {
  return forget(history, entriesIn(history, 'refund')[0]);
}

function endOtherwise({ dump }: SagaHistory): boolean {
  const saga = dump.sagas.find(({ state }) => state === 'X');
  if (saga !== undefined) saga.state = 'D';
  return saga !== undefined;
}

function captureLate(history: SagaHistory): boolean {
  const [refund] = entriesIn(history, 'refund');
  if (refund !== undefined) addEntry(history, { ...refund, action: 'capture' });
  return refund !== undefined;
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, expect, it } from 'vitest';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { auditRecorded, temporaryFolder } from '../support/proof-audit.ts';
import { SaleScript } from '../support/proof-recorder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

/** Audits a sale of two units, which these users claim. */
function auditSale(users: string[]) {
  const script = new SaleScript();
  script.create('SALE', 2);
  for (const user of users) script.claim('SALE', user);
  return auditRecorded(folder.path, { events: script.recorder.events, dump: script.dump() });
}

it('skips each rule that has nothing to check, and says why', async () => {
  const { rules } = await auditSale([]);
  const empty = rules.filter(({ checked }) => checked === 0);
  expect(empty.length).toBeGreaterThan(10);
  for (const { verdict, notes } of empty) {
    expect(verdict).toBe('skipped');
    expect(notes[0]).toMatch(/^nothing to check: (no|every) /);
  }
});

it('gives the verdict unknown when an essential rule is skipped, and names that rule', async () => {
  const report = await auditSale([]);
  expect(report.verdict).toBe('unknown');
  expect(reportLines(report).at(-1)).toBe('verdict: unknown (R2, R3, R18)');
});

it('gives the verdict passed when only rules that a run does not need are skipped, and counts them', async () => {
  const report = await auditSale(['ada', 'ben']);
  const skipped = report.rules.filter(({ verdict }) => verdict === 'skipped');
  expect(skipped.map(({ rule }) => rule)).toContain('R11');
  expect(reportLines(report).slice(-2)).toEqual([
    `rules: ${30 - skipped.length} passed, ${skipped.length} skipped`,
    'verdict: passed',
  ]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from 'node:fs';
import { fileProblem } from '../file-problem.ts';
import { DrillError } from './create-coupons.ts';
import type { Judgement } from './judgement.ts';
import type { DrillOptions } from './options.ts';
import type { DrillReport } from './report.ts';
import { reportPage } from './report-page.ts';

/** Writes the reports that the options name. The verdict comes first in each. Throws `DrillError`. */
export function writeReports(
  { jsonReport, htmlReport }: DrillOptions,
  report: DrillReport,
  { verdict, rules, notes }: Judgement,
): void {
  if (jsonReport !== undefined) {
    const judged = { verdict, audit: { rules, notes }, ...report };
    write(jsonReport, `${JSON.stringify(judged, null, 2)}\n`);
  }
  if (htmlReport !== undefined) write(htmlReport, reportPage(report, { verdict, rules, notes }));
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const problem = fileProblem(error as NodeJS.ErrnoException, 'write');
    throw new DrillError(`${file}: ${problem}`);
  }
}

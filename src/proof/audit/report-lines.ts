// SPDX-License-Identifier: GPL-3.0-or-later
import { counted, whole } from '../numbers.ts';
import type { AuditReport } from './audit.ts';
import { decisiveRules, type RuleReport } from './verdict.ts';

const ruleWidth = 4;
const verdictWidth = 7;
const checkedWidth = 9;
const indent = ' '.repeat(ruleWidth + 2);

/** The report as plain text lines of at most `columns`: the rules as a table, each with its findings. */
export function reportLines(report: AuditReport, columns = 80): string[] {
  const { head, operations, storedClaims, rules, verdict, notes } = report;
  const count = counted(operations, 'operation');
  const what = `${head.scenario}, seed ${head.seed}: ${count}, ${counted(storedClaims, 'claim')} stored`;
  const decisive = decisiveRules(rules);
  return [
    ...wrapped(what, columns, ''),
    ...notes.flatMap((note) => wrapped(`note: ${note}`, columns, '')),
    '',
    ...rules.flatMap((rule) => ruleLines(rule, columns)),
    '',
    `rules: ${ruleCounts(rules)}`,
    `verdict: ${verdict}${decisive.length === 0 ? '' : ` (${decisive.join(', ')})`}`,
  ];
}

/** How many rules had which result, such as `14 passed, 3 skipped`. */
export function ruleCounts(rules: readonly RuleReport[]): string {
  const counts = (['failed', 'unknown', 'passed', 'skipped'] as const).map((verdict) => {
    return [verdict, rules.filter((rule) => rule.verdict === verdict).length] as const;
  });
  return counts
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdict}`)
    .join(', ');
}

function ruleLines(report: RuleReport, columns: number): string[] {
  const { rule, verdict, checked, title, violations, violationsTotal, notes } = report;
  const count = checked === 0 ? '-' : whole(checked);
  const [first = '', ...others] = wrapped(
    title,
    Math.max(20, columns - ruleWidth - verdictWidth - checkedWidth - 6),
    '',
  );
  const start = `${rule.padEnd(ruleWidth)}  ${verdict.padEnd(verdictWidth)}`;
  const left = violationsTotal - violations.length;
  return [
    `${start}  ${count.padStart(checkedWidth)}  ${first}`.slice(0, columns),
    ...others.map((text) => `${' '.repeat(start.length + checkedWidth + 4)}${text}`),
    ...violations.flatMap((text) => wrapped(`! ${text}`, columns, indent)),
    ...(left > 0 ? [`${indent}! and ${whole(left)} more`] : []),
    ...notes.flatMap((text) => wrapped(`- ${text}`, columns, indent)),
  ];
}

/** Wraps the text to lines of at most `columns`, between words where possible. */
function wrapped(text: string, columns: number, indentation: string): string[] {
  const width = columns - indentation.length;
  const lines: string[] = [];
  // Names that clients choose may contain line breaks and control characters, which could forge a report.
  let rest = text.replaceAll(/\p{Cc}/gu, toEscape);
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const cut = space > width / 2 ? space : width;
    lines.push(indentation + rest.slice(0, cut));
    rest = rest.slice(cut).trimStart();
  }
  lines.push(indentation + rest);
  return lines;
}

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

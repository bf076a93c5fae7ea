// SPDX-License-Identifier: GPL-3.0-or-later

import { ruleCounts } from '../audit/report-lines.ts';
import { decisiveRules, type RuleReport, type Verdict } from '../audit/verdict.ts';
import { whole } from '../numbers.ts';
import { escaped } from '../plot/drawing.ts';
import type { Judgement } from './judgement.ts';

const meanings: Record<Verdict, string> = {
  passed: 'The stored claims and all recorded answers agree.',
  failed: 'The service broke a guarantee.',
  unknown: 'This is not a pass: the run proves nothing.',
};

/** The verdict, what it means, and which rules decide it. */
export function verdictBanner({ verdict, rules, notes }: Judgement): string {
  const decisive = decisiveRules(rules);
  const why = decisive.length === 0 ? '' : ` Decided by ${decisive.join(', ')}.`;
  const counts = rules.length === 0 ? '' : ` Rules: ${ruleCounts(rules)}.`;
  return [
    `<div class="verdict ${verdict}"><p><strong>Verdict: ${verdict}</strong></p>`,
    `<p>${escaped(`${meanings[verdict]}${why}${counts}`)}</p>`,
    ...notes.map((note) => `<p>${escaped(note)}</p>`),
    '</div>',
  ].join('\n');
}

/** Each rule with its result; empty when the drill was not audited. */
export function rulesSection({ rules }: Judgement): string[] {
  if (rules.length === 0) return [];
  const head = ['rule', 'result', 'checked', 'guarantee'];
  return [
    '<h2>Rules</h2>',
    '<table class="wide rules text">',
    `<tr>${head.map((name) => `<th>${name}</th>`).join('')}</tr>`,
    ...rules.map(ruleRow),
    '</table>',
  ];
}

function ruleRow({ rule, verdict, checked, title, violationsTotal, ...found }: RuleReport): string {
  const left = violationsTotal - found.violations.length;
  const findings = [
    ...found.violations,
    ...(left > 0 ? [`and ${whole(left)} more violations`] : []),
    ...found.notes,
  ].map((text) => `<li>${escaped(text)}</li>`);
  const list = findings.length === 0 ? '' : `<ul>${findings.join('')}</ul>`;
  const count = checked === 0 ? 'none' : whole(checked);
  return [
    `<tr><td class="short">${rule}</td>`,
    `<td class="short ${verdict}">${verdict}</td>`,
    `<td class="short" data-name="checked">${count}</td>`,
    `<td>${escaped(title)}${list}</td></tr>`,
  ].join('');
}

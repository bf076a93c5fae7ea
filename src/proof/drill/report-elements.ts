// SPDX-License-Identifier: GPL-3.0-or-later
/** The HTML elements of the report page, and their style. */
import { type Drawing, escaped, frame, plotRules } from '../plot/drawing.ts';
import { outcomeClasses } from './completion.ts';

const colours = Object.fromEntries(
  outcomeClasses.map((name): [string, string] => [name, `var(--${name})`]),
);

/** A text of at most this length is not wrapped. */
const shortMax = 12;

/** The style of the page. On a narrow screen a wide table shows each row as a list, and the texts of plots are larger. */
export const reportStyle = `
:root { color-scheme: light dark; --back: #fff; --text: #1c1f23; --soft: #5b636d; --grid: #d8dce1;
  --won: #1a7f4b; --refused: #3b6fb6; --shed: #c77700; --unsent: #8e5bb5; --unknown: #c0392b;
  --other: #8a8f98; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e8ea; --soft: #a3abb4;
  --grid: #343a41; --won: #46c086; --refused: #6ea3ea; --shed: #f0a63c; --unsent: #bd8fe0;
  --unknown: #f2766a; --other: #9aa1aa; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  max-width: 760px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child, .text td, .text th { text-align: left; vertical-align: top; }
th { overflow-wrap: normal; color: var(--soft); font-weight: 600; }
.short { white-space: nowrap; overflow-wrap: normal; }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 13px; }
.grid { stroke: var(--grid); }
${plotRules(colours).join('\n')}
.limit { border: 2px solid var(--unknown); padding: .5rem .8rem; }
.verdict { border-left: .5rem solid var(--shed); padding: .1rem 1rem; }
.verdict.passed { border-color: var(--won); } .verdict.failed { border-color: var(--unknown); }
.verdict strong { font-size: 1.5rem; }
td.passed { color: var(--won); } td.failed { color: var(--unknown); font-weight: 600; }
td.unknown { color: var(--shed); font-weight: 600; } td.skipped { color: var(--soft); }
td ul { margin: 0; padding-left: 1.2rem; color: var(--soft); }
@media (max-width: 560px) {
  body { margin: 1rem auto; }
  th, td { padding: .2rem .15rem; font-size: 13px; }
  svg text { font-size: 19px; }
  table.wide, .wide tbody, .wide tr, .wide td { display: block; }
  .wide tr { padding: .4rem 0; border-bottom: 1px solid var(--grid); }
  .wide tr:first-child:has(th) { display: none; }
  .wide td { display: flex; gap: 1rem; justify-content: space-between; border: 0; padding: .1rem 0; }
  .wide td[data-name]::before { content: attr(data-name) " "; color: var(--soft); white-space: nowrap; }
  .wide td:first-child { font-weight: 600; }
  .rules td { display: inline; padding: 0 .8rem 0 0; }
  .rules td:last-child { display: block; }
}
`;

/** A drawing of a plot. */
export function figure({ title, elements }: Drawing): string {
  return [
    `<figure><svg viewBox="0 0 ${frame.width} ${frame.height}" role="img" aria-label="${escaped(title)}">`,
    ...elements,
    '</svg></figure>',
  ].join('\n');
}

/** A table of texts. `wide`: on a narrow screen each row becomes a list with the head as names. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  shape: 'narrow' | 'wide' = 'narrow',
): string {
  const heading = head.some((text) => text !== '')
    ? [`<tr>${head.map((text) => `<th>${escaped(text)}</th>`).join('')}</tr>`]
    : [];
  const lines = rows.map((row) => {
    const cells = row.map((text, column) => {
      const name = shape === 'wide' ? ` data-name="${escaped(head[column] ?? '')}"` : '';
      const isShort = text.length <= shortMax ? ' class="short"' : '';
      return `<td${isShort}${name}>${escaped(text)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table class="${shape}">${[...heading, ...lines].join('\n')}</table>`;
}

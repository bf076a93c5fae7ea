// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns the Markdown of the documentation into HTML, when the console is built. */

/** A section below a heading of the second level, without the sections in it. */
export type MarkdownSection = { anchor: string; title: string; text: string };

/** The sections of a file. */
export function sectionsOf(markdown: string): MarkdownSection[] {
  const [, ...sections] = markdown.split(/^## /m);
  return sections.map((section) => {
    const [title = '', ...lines] = section.split('\n');
    const [text = ''] = lines.join('\n').split(/^### /m);
    return { anchor: title.toLowerCase().replaceAll(' ', '-'), title, text: text.trim() };
  });
}

/** The HTML of paragraphs, lists, tables and blocks of code. Links stay links only to the given anchors. */
export function toHtml(markdown: string, anchors: readonly string[]): string {
  const inline = (text: string) => toInlineHtml(text, anchors);
  return blocksOf(markdown)
    .map((lines) => {
      const [first = ''] = lines;
      if (first.startsWith('```'))
        return `<pre tabindex="0">${toText(lines.slice(1, -1).join('\n'))}</pre>`;
      if (first.startsWith('|')) return tableHtml(lines, inline);
      if (isItem(first)) return listHtml(lines, inline);
      return `<p>${inline(lines.join('\n'))}</p>`;
    })
    .join('\n');
}

/** Blocks are separated by empty lines. A block of code may have such lines in it. */
function blocksOf(markdown: string): string[][] {
  const blocks: string[][] = [[]];
  let isCode = false;
  for (const line of markdown.split('\n')) {
    if (line === '' && !isCode) blocks.push([]);
    else blocks.at(-1)?.push(line);
    if (line.startsWith('```')) isCode = !isCode;
  }
  return blocks.filter((lines) => lines.length > 0);
}

function isItem(line: string): boolean {
  return /^(?:- |\d+\. )/.test(line);
}

function listHtml(lines: readonly string[], inline: (text: string) => string): string {
  const items: string[] = [];
  for (const line of lines) {
    if (isItem(line)) items.push(line.replace(/^(?:- |\d+\. )/, ''));
    else items.push(`${items.pop() ?? ''}\n${line.trim()}`);
  }
  const name = lines[0]?.startsWith('- ') ? 'ul' : 'ol';
  return `<${name}>${items.map((item) => `<li>${inline(item)}</li>`).join('')}</${name}>`;
}

function tableHtml(
  [head = '', , ...rows]: readonly string[],
  inline: (text: string) => string,
): string {
  const cells = (row: string, open: string, close: string) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => `<${open}>${inline(cell.trim())}</${close}>`)
      .join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td', 'td')}</tr>`).join('');
  return `<table><thead><tr>${cells(head, 'th scope="col"', 'th')}</tr></thead><tbody>${body}</tbody></table>`;
}

/** Code, links and what is set in bold or italics. */
function toInlineHtml(text: string, anchors: readonly string[]): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (part.startsWith('`')) return `<code>${toText(part.slice(1, -1))}</code>`;
      return toText(part)
        .replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_link, label: string, address: string) => {
          const anchor = address.split('#')[1] ?? '';
          return anchors.includes(anchor) ? `<a href="#${anchor}">${label}</a>` : label;
        })
        .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
        .replace(/\*([^*]+)\*/g, '<em>$1</em>');
    })
    .join('');
}

function toText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

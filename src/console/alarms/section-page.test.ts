// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sectionsOf, toHtml } from './markdown.ts';
import { sectionPage } from './section-page.ts';
import { hrefOfSection, sectionFiles } from './sections.ts';

const root = join(import.meta.dirname, '../../..');

describe('the page that alarms link to', () => {
  const page = sectionPage((path) => readFileSync(join(root, path), 'utf8'));

  it.each(Object.values(sectionFiles).flat())('has the section %s', (anchor) => {
    expect(page).toContain(`<section id="${anchor}"><h2>`);
    expect(hrefOfSection(anchor)).toBe(`/console/alarms.html#${anchor}`);
  });

  it('has no Markdown left, and links to its own sections only', () => {
    const text = page.replaceAll(/<(pre|code)[^>]*>[^<]*<\/\1>/g, '');
    expect(text).not.toMatch(/\]\(|\*\*|`|^[-|#] /m);
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor);
    expect(links).toContain('firstcomehistorylost');
    expect(links.filter((anchor) => !page.includes(`id="${anchor}"`))).toEqual([]);
  });
});

describe('Markdown', () => {
  it('becomes sections without those inside them', () => {
    expect(sectionsOf('# A\n\n## Two words\n\ntext\n\n### inner\n\nmore\n\n## B\n')).toEqual([
      { anchor: 'two-words', title: 'Two words', text: 'text' },
      { anchor: 'b', title: 'B', text: '' },
    ]);
  });

  it.each([
    ['one\ntwo', '<p>one\ntwo</p>'],
    ['- a\n  b\n- c', '<ul><li>a\nb</li><li>c</li></ul>'],
    ['1. a\n2. b', '<ol><li>a</li><li>b</li></ol>'],
    [
      '```sh\na "<b>" & *c*\n\nd\n```',
      '<pre tabindex="0">a &quot;&lt;b>&quot; &amp; *c*\n\nd</pre>',
    ],
    ['**a** *b* `c *d* <e>`', '<p><strong>a</strong> <em>b</em> <code>c *d* &lt;e></code></p>'],
    ['[a](#known) [b](other.md#x)', '<p><a href="#known">a</a> b</p>'],
    [
      '| A |\n|---|\n| b |',
      '<table><thead><tr><th scope="col">A</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>',
    ],
  ])('becomes HTML: %j', (markdown, html) => {
    expect(toHtml(markdown, ['known'])).toBe(html);
  });
});

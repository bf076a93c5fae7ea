// SPDX-License-Identifier: GPL-3.0-or-later
import { posix } from 'node:path';
import { type Finding, findingAt, type TidyFile } from './tidy-files.ts';

/**
 * Finds relative links in Markdown files that lead to no file, folder or heading. `exists` says whether a path from the
 * root of the repository exists.
 */
export function brokenLinks(
  files: readonly TidyFile[],
  exists: (path: string) => boolean,
): Finding[] {
  const pages = new Map(
    files.filter(({ path }) => path.endsWith('.md')).map((file) => [file.path, file]),
  );
  return [...pages.values()].flatMap((page) =>
    linksIn(page.text).flatMap(({ target, offset }) => {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? page.path : posix.join(posix.dirname(page.path), path);
      if (!exists(linked)) return [findingAt(page, offset, `no file ${linked}`)];
      const text = pages.get(linked)?.text;
      if (anchor === undefined || text === undefined || anchorsIn(text).includes(anchor)) return [];
      return [findingAt(page, offset, `no heading #${anchor} in ${linked}`)];
    }),
  );
}

/** The targets of all links and images that lead to the repository itself. */
function linksIn(text: string): { target: string; offset: number }[] {
  return [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?\)/g)]
    .map((match) => ({ target: match[1] ?? '', offset: match.index }))
    .filter(({ target }) => !/^[a-z][a-z+.-]*:/.test(target));
}

/** The anchors that GitHub gives the headings. */
function anchorsIn(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

// Both keep every offset, so that a finding has the right line.
function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]+`/g, blank);
}

function withoutFences(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```/gm, blank);
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

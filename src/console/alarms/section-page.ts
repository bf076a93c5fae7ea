// SPDX-License-Identifier: GPL-3.0-or-later
/** Makes the page that alarms link to from the documentation, when the console is built. */
import { sectionsOf, toHtml } from './markdown.ts';
import { sectionFiles } from './sections.ts';

type Path = keyof typeof sectionFiles;

/** The page, with a style sheet beside it. `read` returns a file of the repository. */
export function sectionPage(read: (path: Path) => string): string {
  const anchors = Object.values(sectionFiles).flat() as string[];
  const sections = Object.entries(sectionFiles).flatMap(([path, wanted]) => {
    const found = sectionsOf(read(path as Path));
    return wanted.map((anchor) => {
      const section = found.find((one) => one.anchor === anchor);
      if (section === undefined) throw new Error(`${path} has no section ${anchor}`);
      return section;
    });
  });
  const html = sections.map(
    ({ anchor, title, text }) =>
      `<section id="${anchor}"><h2>${title}</h2>\n${toHtml(text, anchors)}\n</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Alarms – firstcome console</title>
<link rel="stylesheet" href="alarms.css">
</head>
<body>
<main>
<h1>What to do about an alarm</h1>
<p>The sections of the runbook for the alarms of the console. <a href="/console">All sales</a></p>
${html.join('\n')}
</main>
</body>
</html>
`;
}

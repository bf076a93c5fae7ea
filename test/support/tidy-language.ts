// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The words and names that this project no longer uses. Lists every use when it is run as a program:
 * `node --import tsx test/support/tidy-language.ts`.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finding, findAll, readTidyFiles, type TidyFile } from './tidy-files.ts';

// Each word with the words that say the same plainly.
const replacements: Record<string, string> = {
  'tell tells told telling': 'return, report, set, pass or show',
  'hear hears heard hearing': 'get or receive',
  whoever: '"a client that" or "callers that"',
};

// Each name with the one that replaced it. The SQL name `claim_bundle` stays, since it is released.
const renamed: Record<string, string> = {
  SoldOutMemory: 'SoldOutCache',
  StockLook: 'StockSnapshot',
  lookAtStock: 'readStock',
  LaneLine: 'ReadyQueue',
  claimBundle: 'claimMultiCoupon',
  joinEngine: 'createEngine',
  EmbeddedPostgres: 'BundledPostgres',
};

const adviceOf = new Map([
  ...Object.entries(replacements).flatMap(([words, advice]) =>
    words.split(' ').map((word): [string, string] => [word, advice]),
  ),
  ...Object.entries(renamed).map(([name, next]): [string, string] => [name.toLowerCase(), next]),
]);

// In prose, and as a part of a name: `isTold`, `hearOutcome`, `TELL_ALL`.
const words = Object.keys(replacements).join(' ').split(' ');
const forms = words.flatMap((word) => {
  const capitalized = `${word[0]?.toUpperCase()}${word.slice(1)}`;
  const start = '(?<![A-Za-z])';
  return [
    `${start}${word}(?![a-z])`,
    `${capitalized}(?![a-z])`,
    `${start}${word.toUpperCase()}(?![A-Za-z])`,
  ];
});
const names = Object.keys(renamed).map(
  (name) => `[${name[0]?.toLowerCase()}${name[0]?.toUpperCase()}]${name.slice(1)}`,
);
const pattern = new RegExp([...forms, ...names].join('|'), 'g');

// The rule and its test, history, the licence, files that others write, and migrations that are released.
const exempt = [
  /^test\/(?:support\/tidy-language|tidy\.test)\.ts$/,
  /^(?:CHANGELOG\.md|LICENSE|package-lock\.json|openapi\.json)$/,
  /^bench\/results\//,
  /^src\/adapters\/postgres\/migrations\/000[1-3]_/,
];

/** Finds the words that have a plainer replacement, and the names that were replaced. */
export function replacedWords(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => !exempt.some((pattern) => pattern.test(path)))
    .flatMap((file) =>
      findAll(file, file.text, pattern, ([word]) => `${word}: say ${adviceFor(word)}`),
    );
}

function adviceFor(word: string): string {
  return adviceOf.get(word.toLowerCase()) ?? 'it plainly';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const findings = replacedWords(readTidyFiles(join(import.meta.dirname, '../..')));
  process.stdout.write(findings.map((finding) => `${finding}\n`).join(''));
  process.stdout.write(`${findings.length} uses of replaced words and names\n`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

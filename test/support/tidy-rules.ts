// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules that a program can check. Each takes the files and returns every place that breaks it. */
import { blankSql } from './source-scanner.ts';
import { type Finding, findAll, scanned, type TidyFile } from './tidy-files.ts';
import { replacedWords } from './tidy-language.ts';
import {
  consoleCalls,
  exportsWithoutComment,
  importCycles,
  importsOfUndeclaredPackages,
  importsOutsideTheTable,
  impureCore,
  longFiles,
  readsOfTheEnvironment,
} from './tidy-source-rules.ts';
import {
  editedMigrations,
  migrationsOutOfForm,
  readsFromStandby,
  sqlInSource,
  statementsWithoutHeader,
  unnamedConstraints,
  unusedStatements,
} from './tidy-sql-rules.ts';
import { exactCountsAwaited, sleepsInTests } from './tidy-test-rules.ts';

/** A rule finds nothing in a tidy tree. */
export type TidyRule = (files: readonly TidyFile[]) => Finding[];

/** Every rule, by the sentence that it keeps true. */
export const tidyRules = {
  'imports point where the import table allows': importsOutsideTheTable,
  'no file imports itself through others': importCycles,
  'shipped code imports declared packages only': importsOfUndeclaredPackages,
  'only the configuration reads the environment': readsOfTheEnvironment,
  'the core reads no clock, no chance and no process': impureCore,
  'nothing writes to the console': consoleCalls,
  'every exported declaration has a doc comment': exportsWithoutComment,
  'no shipped file is over 300 lines': longFiles,
  'SQL stands in .sql files only': sqlInSource,
  'every statement is used': unusedStatements,
  'every statement has a header of 2 to 6 lines': statementsWithoutHeader,
  'every statement that reads tables fails on a standby': readsFromStandby,
  'migrations are numbered, reasoned and rated': migrationsOutOfForm,
  'every constraint has a name': unnamedConstraints,
  'released migrations are unchanged': editedMigrations,
  'every source file names its licence': filesWithoutLicence,
  'no note of unfinished work is left': unfinishedWork,
  'no test sleeps': sleepsInTests,
  'no test waits for an exact count': exactCountsAwaited,
  'one word has one meaning': wordsOutsideTheVocabulary,
  'replaced words and names are gone': replacedWords,
  'dependencies are pinned exactly': loosePins,
  'the lock file names no registry': registriesInLockFile,
  'no path of one machine is written down': machinePaths,
} satisfies Record<string, TidyRule>;

/** The sentence of a rule. */
export type TidyRuleName = keyof typeof tidyRules;

const licence = '// SPDX-License-Identifier: GPL-3.0-or-later';

function filesWithoutLicence(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => /\.(?:tsx?|mts|js|mjs|cjs)$/.test(path))
    .filter(({ text }) => {
      const [first = '', second] = text.split('\n');
      return (first.startsWith('#!') ? second : first) !== licence;
    })
    .map(({ path }) => `${path}:1: does not begin with ${licence}`);
}

// Written with a gap, so that this file does not find itself.
const unfinished = new RegExp(`\\b(?:${'FIX-ME|XX-X|TO-DO'.replaceAll('-', '')})\\b`, 'g');

function unfinishedWork(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => /\.(?:tsx?|mts|js|mjs|cjs|sql|sh|ya?ml)$/.test(path))
    .flatMap((file) => findAll(file, file.text, unfinished, ([text]) => `holds ${text}`));
}

// The words of the glossary's last column that mean nothing else in a program, and names that say nothing.
const forbiddenWords = new Map(
  Object.entries({
    coupon: ['campaign', 'promotion', 'voucher', 'prize'],
    user: ['customer', 'buyer', 'shopper'],
    claim: ['grab', 'grabber'],
    position: ['rank', 'ranking'],
    'claim lane': ['batcher'],
    batch: ['bulk'],
    'stock or remaining_amount': ['inventory', 'quota', 'balance'],
    release: ['refund'],
    'sold out': ['insufficient', 'exhausted'],
    'stock gate': ['limiter', 'prelock'],
    'idempotency key': ['nonce'],
    saga: ['workflow'],
    relay: ['dispatcher', 'pusher'],
    'dead letter': ['poison'],
    reconcile: ['heal', 'healer'],
    sweep: ['cron'],
    'the name of what it does': ['util', 'helper', 'manager', 'impl', 'misc', 'common'],
    'the whole word': ['ctx', 'cfg', 'mgr', 'svc', 'idx', 'cnt', 'evt', 'conn', 'stmt', 'txn'],
  }).flatMap(([say, words]) => words.map((word) => [word, say])),
);

function wordsOutsideTheVocabulary(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => /^src\/.*\.(?:tsx?|sql)$/.test(path))
    .flatMap((file) => {
      const text = file.path.endsWith('.sql') ? blankSql(file.text) : scanned(file).code;
      const findings = findAll(file, text, /[A-Za-z_]\w*/g, ([name]) => complaintAbout(name));
      const inPath = complaintAbout(file.path.replace(/^src\//, '').replace(/\.\w+$/, ''));
      return inPath === undefined ? findings : [`${file.path}:1: ${inPath}`, ...findings];
    });
}

// Imported under another name, or a type of browsers.
const namesOfPackages = new Set(['makeWorkerUtils', 'RateLimiterMemory', 'LockManager']);

/** Undefined when no word in the name is a forbidden one. */
function complaintAbout(name: string): string | undefined {
  if (namesOfPackages.has(name)) return undefined;
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/);
  for (const word of words) {
    const say = forbiddenWords.get(word) ?? forbiddenWords.get(word.replace(/s$/, ''));
    if (say !== undefined) return `${name}: for "${word}" say ${say}`;
  }
  return undefined;
}

function loosePins(files: readonly TidyFile[]): Finding[] {
  const manifest = files.find(({ path }) => path === 'package.json');
  if (manifest === undefined) return [];
  const groups = JSON.parse(manifest.text);
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap(
    (group) =>
      Object.entries<string>(groups[group] ?? {})
        .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
        .map(([name, version]) => {
          const offset = Math.max(0, manifest.text.indexOf(`"${name}"`));
          const line = manifest.text.slice(0, offset).split('\n').length;
          return `package.json:${line}: ${name} is "${version}", not one version`;
        }),
  );
}

function registriesInLockFile(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => path === 'package-lock.json')
    .flatMap((file) =>
      findAll(file, file.text, /"resolved":\s*"\w+:\/\/[^"]*"/g, ([text]) => text),
    );
}

// The image's own folder is the same on every machine.
const machineFolders = new RegExp(
  `(?<![\\w.@~-])/(?:${['work', 'root', 'home(?!/node\\b)'].join('|')})/`,
  'g',
);

function machinePaths(files: readonly TidyFile[]): Finding[] {
  return files.flatMap((file) =>
    findAll(file, file.text, machineFolders, ([text]) => `names a path below ${text}`),
  );
}

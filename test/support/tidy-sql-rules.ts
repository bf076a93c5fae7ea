// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules about SQL: where it may be, the header of a statement, and the form of a migration. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { blankSql } from './source-scanner.ts';
import {
  type Finding,
  findAll,
  isShipped,
  isSource,
  scanned,
  type TidyFile,
} from './tidy-files.ts';

const statementsFolder = 'src/adapters/postgres/sql/';
const migrationsFolder = 'src/adapters/postgres/migrations/';
const releasedList = `${migrationsFolder}released.json`;

// Each needs the second word too, so that a sentence which begins with "update" or "select" is no statement.
const sqlText = new RegExp(
  `^\\s*(?:${[
    String.raw`select\s+(?:[\d*'"$({]|(?:distinct|exists|all|null|true|false|not|case)\b|\w+\s*[(.,:]|.*\sfrom\s)`,
    String.raw`insert\s+into\s`,
    String.raw`update\s+(?:only\s+)?["\w.]+(?:\s+(?:as\s+)?\w+)?\s+set\s`,
    String.raw`delete\s+from\s`,
    String.raw`merge\s+into\s`,
    String.raw`with\s+(?:recursive\s+)?\w+(?:\s*\([^)]*\))?\s+as\s+(?:not\s+materialized\s+|materialized\s+)?\(`,
    String.raw`(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:unique\s+|temp\s+|temporary\s+|unlogged\s+)*` +
      String.raw`(?:table|index|function|procedure|type|view|schema|database|role|user|extension|trigger|sequence|domain|system)\s`,
    String.raw`truncate\s+(?:table\s+)?\w+\s*$`,
    String.raw`(?:begin|start\s+transaction|commit|rollback)\s*(?:;|$)`,
    String.raw`set\s+(?:(?:local|session)\s|[\w.]+\s*=|[\w.]+\s+to\s+'?\w+'?\s*(?:;|$))`,
    String.raw`show\s+(?:all|\w+[_.]\w+)\s*;?\s*$`,
    String.raw`(?:vacuum|analyze|lock\s+table)\s+"?[\w$]+"?\s*(?:;|$)`,
    String.raw`call\s+\w+\s*\(`,
  ].join('|')})`,
  'is',
);

/** SQL stands in `.sql` files and nowhere else. The console reaches no database, and its labels are sentences. */
export function sqlInSource(files: readonly TidyFile[]): Finding[] {
  const sources = files.filter((file) => isSource(file) && !file.path.startsWith('src/console/'));
  return sources.flatMap((file) =>
    scanned(file)
      .literals.filter(({ text }) => sqlText.test(text))
      .map(({ text, line }) => `${file.path}:${line}: holds SQL: ${text.trim().slice(0, 40)}`),
  );
}

/** A statement that nothing runs is removed. */
export function unusedStatements(files: readonly TidyFile[]): Finding[] {
  const named = new Set(
    files
      .filter((file) => isShipped(file) && file.path.startsWith('src/adapters/postgres/'))
      .flatMap((file) => scanned(file).literals.map(({ text }) => text)),
  );
  return statementsIn(files)
    .filter(({ path }) => !named.has(posix.basename(path, '.sql')))
    .map(({ path }) => `${path}:1: is named nowhere in src/adapters/postgres`);
}

/** A statement begins with 2 to 6 lines that say what its caller may rely on. */
export function statementsWithoutHeader(files: readonly TidyFile[]): Finding[] {
  return statementsIn(files).flatMap(({ path, text }) => {
    const lines = text.split('\n').findIndex((line) => !/^-- \S/.test(line));
    return lines >= 2 && lines <= 6
      ? []
      : [`${path}:1: has a header of ${lines} lines, not 2 to 6`];
  });
}

/** A statement that only reads tables fails on a standby, by `require_primary()`; one that writes does so anyway. */
export function readsFromStandby(files: readonly TidyFile[]): Finding[] {
  const tables = migrationsIn(files).flatMap(({ text }) =>
    [...blankSql(text).matchAll(/\bcreate\s+table\s+(\w+)/gi)].map(([, table]) => table),
  );
  const reading = new RegExp(`\\b(?:from|join)\\s+(?:${tables.join('|')})\\b`, 'i');
  const writing = /\b(?:insert\s+into|update|delete\s+from|merge\s+into|nextval|setval)\b/i;
  return statementsIn(files).flatMap(({ path, text }) => {
    const sql = blankSql(text);
    return !reading.test(sql) || writing.test(sql) || sql.includes('require_primary()')
      ? []
      : [`${path}:1: reads without require_primary(), so also from a standby`];
  });
}

/** Migrations are numbered without a gap and begin by saying why, and whether the last version can go on meanwhile. */
export function migrationsOutOfForm(files: readonly TidyFile[]): Finding[] {
  return migrationsIn(files).flatMap(({ path, text }, index) => {
    const findings: Finding[] = [];
    const number = String(index + 1).padStart(4, '0');
    const [why = '', compatible = ''] = text.split('\n');
    if (!new RegExp(`^${number}_[a-z0-9_]+\\.sql$`).test(posix.basename(path))) {
      findings.push(`${path}:1: is not named ${number}_what_it_does.sql`);
    }
    if (!/^-- why: \S/.test(why)) findings.push(`${path}:1: does not begin with "-- why: "`);
    if (!/^-- compatible: (?:yes|no \(.+\))$/.test(compatible)) {
      findings.push(`${path}:2: is not "-- compatible: yes" or "… no (what must be stopped)"`);
    }
    return findings;
  });
}

/** Every constraint has a name, since errors are identified by it. */
export function unnamedConstraints(files: readonly TidyFile[]): Finding[] {
  const pattern =
    /(constraint\s+\w+\s+)?\b(foreign\s+key\s*\([^)]*\)\s*references|primary\s+key|unique|check|references|exclude)\b/gi;
  return migrationsIn(files).flatMap((file) => {
    // In "create unique index" the word creates no constraint.
    const sql = blankSql(file.text).replaceAll(/\bcreate\s+unique\s+index\b/gi, (text) =>
      ' '.repeat(text.length),
    );
    return findAll(file, sql, pattern, ([text, name]) =>
      name === undefined ? `${text.replaceAll(/\s+/g, ' ')} has no name` : undefined,
    );
  });
}

/** A released migration is never edited: databases that have run it would differ from those that will. */
export function editedMigrations(files: readonly TidyFile[]): Finding[] {
  const list = files.find(({ path }) => path === releasedList);
  if (list === undefined) return [];
  const released: Record<string, string> = JSON.parse(list.text);
  return Object.entries(released).flatMap(([name, expected]) => {
    const file = files.find(({ path }) => path === migrationsFolder + name);
    if (file === undefined) return [`${releasedList}:1: ${name} is released but gone`];
    const actual = createHash('sha256').update(file.text).digest('hex');
    return actual === expected ? [] : [`${file.path}:1: is released but was edited`];
  });
}

function statementsIn(files: readonly TidyFile[]): TidyFile[] {
  return files.filter(({ path }) => path.startsWith(statementsFolder) && path.endsWith('.sql'));
}

function migrationsIn(files: readonly TidyFile[]): TidyFile[] {
  return files.filter(({ path }) => path.startsWith(migrationsFolder) && path.endsWith('.sql'));
}

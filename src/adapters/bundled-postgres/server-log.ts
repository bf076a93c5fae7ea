// SPDX-License-Identifier: GPL-3.0-or-later
import type { LogEvent } from './bundled-postgres-error.ts';

const linesKeptMax = 30;

/** The phases of a server in which its log lines mean different things. */
export type ServerPhase = 'starting' | 'running' | 'stopping';

/** Reads the lines of a server: keeps the last ones for an error message, and logs the important ones. */
export class ServerLog {
  phase: ServerPhase = 'starting';
  readonly lastLines: string[] = [];
  readonly #log: (event: LogEvent) => void;
  #level: LogEvent['level'] | undefined;

  constructor(log: (event: LogEvent) => void) {
    this.#log = log;
  }

  add(line: string): void {
    if (line.trim() === '') return;
    this.lastLines.push(line);
    if (this.lastLines.length > linesKeptMax) this.lastLines.shift();
    const { severity, text } = readServerLine(line);
    // DETAIL, HINT and the like belong to the line before them and get its level.
    if (!isDetail(severity)) this.#level = levelOf(severity, text, this.phase);
    if (this.#level) this.#log({ level: this.#level, message: `PostgreSQL: ${text}`, severity });
  }
}

/** Splits `ERROR:  text` into severity and text; the severity is undefined for a line without one. */
export function readServerLine(line: string): { severity: string | undefined; text: string } {
  const [, severity, text] = /^([A-Z]+):\s+(.*)$/.exec(line) ?? [];
  return severity === undefined || text === undefined
    ? { severity: undefined, text: line.trim() }
    : { severity, text };
}

function isDetail(severity: string | undefined): boolean {
  return (
    severity === undefined || ['DETAIL', 'HINT', 'CONTEXT', 'STATEMENT', 'QUERY'].includes(severity)
  );
}

/** The level to log a line with; undefined for a line about normal operation, which is not logged. */
export function levelOf(
  severity: string | undefined,
  text: string,
  phase: ServerPhase,
): LogEvent['level'] | undefined {
  // A failed start throws these lines. A successful one has only an unclean shutdown to report.
  if (phase === 'starting') return /not properly shut down/.test(text) ? 'warn' : undefined;
  if (severity === 'LOG')
    return /terminated|crash|reinitializ|could not/.test(text) ? 'warn' : undefined;
  // The server logs as fatal each connection that a stop ends, and each that it cannot accept yet.
  if (phase === 'stopping' && /administrator command/.test(text)) return undefined;
  if (/^the database system is /.test(text)) return undefined;
  // The jobs of webhooks and sagas look for their tables, and create them where there are none.
  if (/^relation "[^"]+\.migrations" does not exist/.test(text)) return undefined;
  if (severity === 'WARNING') return 'warn';
  return severity === 'ERROR' || severity === 'FATAL' || severity === 'PANIC' ? 'error' : undefined;
}

const explanations: [RegExp, (folder: string) => string][] = [
  [
    /No space left on device|disk quota exceeded/i,
    (folder) =>
      `The disk that holds ${folder} is full. Free some space, or set DATA_DIR to a folder on another disk.`,
  ],
  [
    /Read-only file system/i,
    (folder) =>
      `${folder} is on a read-only file system. Mount it writable, or set DATA_DIR to another folder.`,
  ],
  [
    /Permission denied|wrong ownership|Operation not permitted/i,
    (folder) =>
      `PostgreSQL cannot use files in ${folder}: they belong to another user. Start firstcome as that user, or set DATA_DIR to another folder.`,
  ],
  [
    /invalid locale|locale .* could not|not compatible with locale/i,
    (folder) =>
      `The database in ${folder} needs a locale that this system does not have. Install it, or set DATA_DIR to another folder.`,
  ],
  [
    /Cannot allocate memory|could not map anonymous shared memory|out of memory/i,
    () =>
      'PostgreSQL needs about 200 MB of memory, which is not free. Stop other programs or add memory.',
  ],
  [
    /error while loading shared libraries|version `?GLIBC|Library not loaded/i,
    () =>
      'The bundled PostgreSQL does not run on this system. Set DATABASE_URL to a PostgreSQL 15 or later.',
  ],
  [
    /Address already in use/,
    () =>
      'Another program has taken the port of the database on 127.0.0.1. Stop it; the database starts as soon as the port is free.',
  ],
  [
    /could not look up effective user/i,
    () =>
      'PostgreSQL does not run as a user without a name on this system. Start firstcome as another user, or set DATABASE_URL.',
  ],
  [
    /valid checkpoint record|invalid data in file|could not open file "(global|pg_)/i,
    (folder) =>
      `The database in ${folder} is damaged. Restore it from a backup, or set DATA_DIR to another folder.`,
  ],
];

/** Explains why a server did not start, with its last lines. */
export function explainServerLines(lines: string[], folder: string): string {
  const text = lines.join('\n');
  const explain = explanations.find(([pattern]) => pattern.test(text))?.[1];
  const explanation = explain?.(folder) ?? `PostgreSQL could not start in ${folder}.`;
  const severe = lines.filter((line) => /error|fatal|panic|hint|detail|could not/i.test(line));
  const lastLines = (severe.length > 0 ? severe : lines).slice(-4).join(' | ');
  return lastLines === '' ? explanation : `${explanation} PostgreSQL said: ${lastLines}`;
}

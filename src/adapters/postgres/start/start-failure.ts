// SPDX-License-Identifier: GPL-3.0-or-later
/** Judges why a start could not use its database: whether to wait for it, and what an operator can do. */
import { StartError } from '../../../core/errors.ts';
import { inLines } from '../../../core/lines.ts';
import { describeLocation } from '../connections/connection-config.ts';

/** The server cannot be used now, for a reason that it has not said itself. */
export class NotThereYet extends Error {
  override readonly name = 'NotThereYet';
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

const tooManyConnections = '53300';

const notThereCodes = new Set([
  // Nothing answers, or nothing knows the name: a container gets its name when it starts.
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN'],
  ...['ENETUNREACH', 'ENETDOWN', 'EAI_AGAIN', 'ENOTFOUND'],
  // The server is shutting down, has crashed, is starting up, or has all the connections that it admits: the sessions
  // of the release before end soon.
  ...['57P01', '57P02', '57P03', tooManyConnections],
  // It takes no writes.
  '25006',
]);

// The driver's own words for a connection that was cut, which have no code.
const notThereMessages = new Set(['Connection terminated unexpectedly', 'Connection terminated']);

/** Whether the database may still become usable by itself: it is not up yet, or not the one that takes writes. */
export function isNotThereYet(error: unknown): boolean {
  const cause = error instanceof StartError ? error.cause : error;
  if (cause instanceof NotThereYet) return true;
  if (cause instanceof AggregateError) return cause.errors.every(isNotThereYet);
  if (!(cause instanceof Error)) return false;
  const { code, syscall } = cause as { code?: string; syscall?: string };
  // Of a socket, whose server is not there yet; a file of certificates does not come by itself.
  if (code === 'ENOENT') return syscall === 'connect';
  return code === undefined ? notThereMessages.has(cause.message) : notThereCodes.has(code);
}

/** The refusal to start, in lines of 80 columns together with the name before them. */
export function cannotUse(url: string, error: unknown, waitedMs: number): StartError {
  if (error instanceof StartError) return error;
  const columnsMax = 80 - 'firstcome: '.length;
  const what = `cannot use the database at ${describeLocation(url)}:`;
  const why = messageOf(error);
  // The reason in one piece, so that it can be searched for.
  const fits = what.length + 1 + why.length <= columnsMax;
  const waited = `Waited ${waitedMs / 1000} s for it (DATABASE_WAIT_MS).`;
  const lines = [
    ...(fits ? [`${what} ${why}`] : [what, inLines(why, columnsMax)]),
    ...(waitedMs > 0 && isNotThereYet(error) ? [waited] : []),
    inLines(adviceOn(error), columnsMax),
  ];
  return new StartError(lines.join('\n'), { cause: error });
}

/** What went wrong, in words, also where an error has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(messageOf).join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  return message || ((error as { code?: string }).code ?? 'unknown error');
}

function adviceOn(error: unknown): string {
  const { code = '' } = error as { code?: string };
  const message = messageOf(error);
  if (error instanceof NotThereYet && error.advice !== undefined) return error.advice;
  if (code === tooManyConnections) {
    return 'End sessions that are not needed, or raise max_connections of the server.';
  }
  if (/startup parameter/.test(message)) {
    return 'DATABASE_URL leads through a connection pooler. Let it lead to PostgreSQL: the service keeps pools of its own.';
  }
  if (/no encryption$/.test(message)) {
    return 'The server wants TLS: add sslmode=verify-full, or sslmode=require, to DATABASE_URL.';
  }
  if (/does not support SSL/.test(message)) {
    return 'Turn TLS on in the server, or write sslmode=disable into DATABASE_URL.';
  }
  if (isOfCertificate(code)) {
    return 'Check the certificate of the server, and sslrootcert and the host in DATABASE_URL.';
  }
  return 'Check that it runs and that DATABASE_URL names its host, port, user, password and database.';
}

function isOfCertificate(code: string): boolean {
  return /CERT|ISSUER|SIGNATURE|^ERR_TLS|^ERR_SSL|^ERR_OSSL/.test(code);
}

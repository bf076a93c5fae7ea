// SPDX-License-Identifier: GPL-3.0-or-later
/** Why a start cannot use its database: whether to wait for it, and what an operator can do. */

import { messageOf } from '../../../core/error-message.ts';
import { StartError } from '../../../core/errors.ts';
import { inLines } from '../../../core/lines.ts';
import { describeLocation } from '../connections/connection-config.ts';
import { NoPrimaryError } from '../connections/primary-finder.ts';

/** The server cannot be used now, for a reason that the service has found itself. */
export class DatabaseNotReady extends Error {
  override readonly name = 'DatabaseNotReady';
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

const tooManyConnections = '53300';
const readOnly = '25006';

const notReadyCodes = new Set([
  // No server answers, or the name is unknown: a container gets its name only when it starts.
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN'],
  ...['ENETUNREACH', 'ENETDOWN', 'EAI_AGAIN', 'ENOTFOUND'],
  // The server is shutting down, has crashed, is starting up, or admits no more connections for now: the sessions of
  // the previous release end soon.
  ...['57P01', '57P02', '57P03', tooManyConnections],
  // The server takes no writes.
  readOnly,
]);

// Messages of the driver for a closed connection, which have no code.
const notReadyMessages = new Set(['Connection terminated unexpectedly', 'Connection terminated']);

/**
 * Whether the database may become usable without a change by the operator: it is not up yet, or takes no writes yet.
 */
export function isNotReady(error: unknown): boolean {
  const cause = error instanceof StartError ? error.cause : error;
  if (cause instanceof DatabaseNotReady) return true;
  // One of the servers may become the primary, whatever is wrong with the others.
  if (cause instanceof NoPrimaryError) return cause.reasons.some(isNotReady);
  if (cause instanceof AggregateError) return cause.errors.every(isNotReady);
  if (!(cause instanceof Error)) return false;
  const { code, syscall } = cause as { code?: string; syscall?: string };
  // The socket of a server that has not started; a missing certificate file would stay missing.
  if (code === 'ENOENT') return syscall === 'connect';
  return code === undefined ? notReadyMessages.has(cause.message) : notReadyCodes.has(code);
}

/** The error of a start, in lines that fit into 80 columns behind the program's name. */
export function startFailure(url: string, error: unknown, waitedMs: number): StartError {
  if (error instanceof StartError) return error;
  const columnsMax = 80 - 'firstcome: '.length;
  const what = `cannot use the database at ${describeLocation(url)}:`;
  const why = messageOf(error);
  // The reason stays in one line where possible, so that an operator can search for it.
  const fits = what.length + 1 + why.length <= columnsMax;
  const waited = `Waited ${waitedMs / 1000} s for it (DATABASE_WAIT_MS).`;
  const lines = [
    ...(fits ? [`${what} ${why}`] : [what, inLines(why, columnsMax)]),
    ...(waitedMs > 0 && isNotReady(error) ? [waited] : []),
    inLines(adviceOn(error), columnsMax),
  ];
  return new StartError(lines.join('\n'), { cause: error });
}

function adviceOn(error: unknown): string {
  if (error instanceof NoPrimaryError) {
    const lasting = error.reasons.find((reason) => !isNotReady(reason));
    return lasting === undefined ? adviceOnServers(error.reasons) : adviceOn(lasting);
  }
  const code = codeOf(error);
  const message = messageOf(error);
  if (error instanceof DatabaseNotReady && error.advice !== undefined) return error.advice;
  if (code === tooManyConnections) {
    return 'End sessions that are not needed, or raise max_connections of the server.';
  }
  if (/startup parameter/.test(message)) {
    return 'DATABASE_URL leads through a connection pooler. Let it lead to PostgreSQL: the service keeps pools of its own.';
  }
  if (/asks for a password/.test(message)) {
    return 'The server runs. Add the password to DATABASE_URL, or set PGPASSWORD.';
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
  return (
    adviceOnRefusal[code] ??
    adviceOnRoute[code] ??
    'Check that it runs and that DATABASE_URL names its host, port, user, password and database.'
  );
}

/** None of several servers can be used yet. */
function adviceOnServers(reasons: readonly unknown[]): string {
  const ways = new Set(reasons.flatMap((reason) => adviceOnRoute[codeOf(reason)] ?? []));
  const rest = reasons.some((reason) => codeOf(reason) === readOnly)
    ? 'Check that one of these servers is a primary. DATABASE_URL must name every server that can become it.'
    : 'Check that the primary runs, and that DATABASE_URL names every server that can become it.';
  return [...ways, rest].join(' ');
}

/** The code of an error, or of the first one where several addresses of a name were tried. */
function codeOf(error: unknown): string {
  const { code = '' } = error as { code?: string };
  return code === '' && error instanceof AggregateError ? codeOf(error.errors[0]) : code;
}

const unknownName =
  'The name has no address: check the host in DATABASE_URL, and the DNS of this machine.';
const noRoute =
  'This machine has no route to the host: check its network, and the host in DATABASE_URL.';

// No server was reached.
const adviceOnRoute: Record<string, string> = {
  ...{ ENOTFOUND: unknownName, EAI_AGAIN: unknownName },
  ...{ ENETUNREACH: noRoute, ENETDOWN: noRoute, EHOSTUNREACH: noRoute, EHOSTDOWN: noRoute },
};

// The server runs and has answered, so only what it refuses needs a correction.
const adviceOnRefusal: Record<string, string> = {
  '28P01': 'The server runs. Check the user and the password in DATABASE_URL.',
  '28000':
    'The server runs. Check the user in DATABASE_URL, and that pg_hba.conf of the server admits it from here.',
  '3D000': 'The server runs. Check the name of the database in DATABASE_URL, or create it.',
  '42501':
    'The server runs. Give the role in DATABASE_URL this privilege, or make it the owner of the database.',
};

function isOfCertificate(code: string): boolean {
  return /CERT|ISSUER|SIGNATURE|^ERR_TLS|^ERR_SSL|^ERR_OSSL/.test(code);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';

/** Why a statement failed, as far as the caller's next step depends on it. */
export type FaultReason =
  /** Not sent, or sent to a server that takes no writes or to a database that lacks our tables. */
  | 'not_sent'
  /** Gave up waiting for a lock, or ran out of its time. */
  | 'busy'
  /** Lost against another transaction; worth another try at once. */
  | 'conflict'
  /** Holds a value that the database does not take, or that a constraint refuses. */
  | 'bad_value'
  /** The statement and the database do not fit each other: a bug, or a database of another version. */
  | 'broken'
  /** The connection was lost, or the server said something that tells nothing about the commit. */
  | 'lost';

// A log writes the cause behind it, so this does not repeat the cause's own words.
const words: Record<FaultReason, string> = {
  not_sent: 'the statement was not run',
  busy: 'the statement had to wait for too long',
  conflict: 'the statement lost against another transaction',
  bad_value: 'the statement holds a value that is not taken',
  broken: 'the statement and the database do not fit each other',
  lost: 'the answer to the statement was lost',
};

/** A statement that failed. `effect: none` means that nothing of it is stored, nor will be. */
export class DatabaseFault extends Error {
  override readonly name = 'DatabaseFault';
  readonly effect: 'none' | 'unknown';
  readonly reason: FaultReason;
  readonly constraint: string | undefined;
  /** The cause's: an SQLSTATE, or a code of Node's such as `ECONNREFUSED`. */
  readonly code: string | undefined;

  constructor(reason: FaultReason, cause: unknown, constraint?: string) {
    super(cause instanceof Error ? words[reason] : `${words[reason]}: ${cause}`, { cause });
    this.reason = reason;
    this.effect = reason === 'lost' ? 'unknown' : 'none';
    this.constraint = constraint;
    this.code = cause instanceof Error ? (cause as { code?: string }).code : undefined;
  }
}

// SQLSTATEs, and classes of them, that a living server sends after it has rolled the transaction back. Everything else
// that arrives after the statement was sent is unknown: a shutdown (57P01), a lost disk (53100), an internal error.
const definite: Record<string, FaultReason> = {
  '22': 'bad_value',
  '23': 'bad_value',
  '25006': 'not_sent',
  '26': 'broken',
  '40001': 'conflict',
  '40P01': 'conflict',
  '42': 'broken',
  '42P01': 'not_sent',
  '42883': 'not_sent',
  '55P03': 'busy',
  '57014': 'busy',
};

/** Reads what an error of the driver means for a statement that was sent. */
export function toDatabaseFault(error: unknown): DatabaseFault {
  if (error instanceof DatabaseFault) return error;
  if (!isServerError(error) || error.code === undefined) return new DatabaseFault('lost', error);
  const reason = definite[error.code] ?? definite[error.code.slice(0, 2)] ?? 'lost';
  return new DatabaseFault(reason, error, error.constraint);
}

/** Whether a session found no table or function of ours: none is there, or they are in another schema. */
export function lacksTables(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '42P01' || code === '42883';
}

/** An error that the server has sent. A host's pool may be of another copy of the driver, with a class of its own. */
function isServerError(error: unknown): error is pg.DatabaseError {
  if (error instanceof pg.DatabaseError) return true;
  if (!(error instanceof Error) || error.constructor.name !== pg.DatabaseError.name) return false;
  const { severity, length } = error as Partial<pg.DatabaseError>;
  return typeof severity === 'string' && typeof length === 'number';
}

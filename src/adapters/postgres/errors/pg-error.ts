// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import type { FieldError } from '../../../core/errors.ts';
import { constraintMeanings } from './constraints.ts';
import { isInForeignFunction, type Refusal, readRefusal } from './refusal.ts';

/** Why a statement failed, in the detail that the caller's next step depends on. */
export type FaultReason =
  /** Not sent, or sent to a server that accepts no writes or to a database without our tables. */
  | 'not_sent'
  /** Waited too long for a lock, or ran into its timeout. */
  | 'busy'
  /** Lost against a concurrent transaction; can be retried at once. */
  | 'conflict'
  /** Has a value that its caller can correct: `field` names it. */
  | 'invalid'
  /** Refused by a rule that no caller can satisfy: `refusal` names it. */
  | 'refused'
  /** Its batch has a void mark. */
  | 'void'
  /** Not run, since the database commits less durably than the session demands. */
  | 'not_durable'
  /** The statement and the database do not match: a bug, or a database of another version. */
  | 'broken'
  /** The connection was lost, or the server's error does not show whether the commit happened. */
  | 'lost';

// A log shows the cause too, so these do not repeat its message.
const messages: Record<FaultReason, string> = {
  not_sent: 'the statement was not run',
  busy: 'the statement had to wait for too long',
  conflict: 'the statement lost against another transaction',
  invalid: 'the statement has a value that is not allowed',
  refused: 'the database refused the statement',
  void: 'the batch of the statement has a void mark',
  not_durable: 'the statement was not run, since its commit would not be durable enough',
  broken: 'the statement and the database do not match',
  lost: 'the answer to the statement was lost',
};

/** The server's reason for a refusal. */
export type FaultDetails = {
  constraint?: string | undefined;
  field?: FieldError;
  refusal?: Refusal;
};

/** The session of a statement: its server and which run of it, if that is known, and its process there. */
export type LostSession = { server: string | undefined; processId: number };

/** A statement that failed. `effect: none` means that nothing of it is stored or will be. */
export class DatabaseFault extends Error {
  override readonly name = 'DatabaseFault';
  readonly effect: 'none' | 'unknown';
  readonly reason: FaultReason;
  readonly constraint: string | undefined;
  /** With `invalid`: what the caller can correct. */
  readonly field: FieldError | undefined;
  /** With `refused`: the rule, for an operator. */
  readonly refusal: Refusal | undefined;
  /** The code of the cause: an SQLSTATE, or one of Node such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  /** Where the statement was sent; undefined if it was not. */
  session: LostSession | undefined;

  constructor(reason: FaultReason, cause: unknown, details: FaultDetails = {}) {
    super(cause instanceof Error ? messages[reason] : `${messages[reason]}: ${cause}`, { cause });
    this.reason = reason;
    this.effect = reason === 'lost' ? 'unknown' : 'none';
    this.constraint = details.constraint;
    this.field = details.field;
    this.refusal = details.refusal;
    this.code = cause instanceof Error ? (cause as { code?: string }).code : undefined;
  }
}

// SQLSTATEs, and classes of them, that a server sends only after it has rolled the transaction back. After any other
// error the effect is unknown: a shutdown (57P01), a full disk (53100), an internal error.
const definite: Record<string, FaultReason> = {
  // Constraints (23), values (22), and errors that functions and triggers raise.
  ...{ '09': 'refused', '20': 'refused', '21': 'refused', '22': 'refused', '23': 'refused' },
  ...{ '24': 'refused', '27': 'refused', '2F': 'refused', '34': 'refused', '38': 'refused' },
  ...{ '39': 'refused', '44': 'refused', '54': 'refused', '55000': 'refused', P0: 'refused' },
  '25006': 'not_sent',
  '26': 'broken',
  '40001': 'conflict',
  '40P01': 'conflict',
  '42': 'broken',
  '42P01': 'not_sent',
  '42883': 'not_sent',
  '55P03': 'busy',
  '57014': 'busy',
  // Of require_durability().
  FC001: 'not_durable',
};

// The classes of PostgreSQL itself. A code of any other class comes from a trigger, and ends the transaction.
const serverClasses = new Set(
  (
    '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F ' +
    '40 42 44 53 54 55 57 58 72 F0 HV P0 XX'
  ).split(' '),
);

const uniqueViolation = '23505';

/** Turns a driver's error into the fault of a statement that was sent. */
export function toDatabaseFault(error: unknown): DatabaseFault {
  if (error instanceof DatabaseFault) return error;
  if (!isServerError(error) || error.code === undefined) return new DatabaseFault('lost', error);
  const { code, constraint } = error;
  const reason = reasonOf(code, error);
  if (reason !== 'refused') return new DatabaseFault(reason, error, { constraint });
  const meaning = constraint === undefined ? undefined : constraintMeanings.get(constraint);
  const known = meaning !== undefined && 'rule' in meaning ? meaning.rule : undefined;
  const refusal = readRefusal(error, known);
  const cause = withoutValues(refusal);
  const details = { constraint: refusal.constraint };
  if (meaning !== undefined && 'field' in meaning) {
    return new DatabaseFault('invalid', cause, { ...details, field: meaning });
  }
  if (meaning !== undefined && 'isVoid' in meaning)
    return new DatabaseFault('void', cause, details);
  if (meaning !== undefined && 'isConflict' in meaning && code === uniqueViolation)
    return new DatabaseFault('conflict', cause, details);
  return new DatabaseFault('refused', cause, { ...details, refusal });
}

function reasonOf(code: string, error: pg.DatabaseError): FaultReason {
  const kind = code.slice(0, 2);
  const reason = definite[code] ?? definite[kind] ?? (serverClasses.has(kind) ? 'lost' : 'refused');
  // A trigger of another program may lack its own table or function, or write to another server that refuses it.
  // Neither says anything about our tables and our server.
  const mayBeForeign = reason === 'broken' || reason === 'not_sent';
  return mayBeForeign && isInForeignFunction(error) ? 'refused' : reason;
}

/** Replaces the server's error, whose texts may quote a caller's values. */
function withoutValues({ sqlState, constraint }: Refusal): Error {
  const by = constraint === undefined ? '' : ` by ${constraint}`;
  return Object.assign(new Error(`SQLSTATE ${sqlState}${by}`), { code: sqlState });
}

// The server ends the session when it stops or restarts after a crash; a proxy ends it with a protocol error.
const endsSession = /^(?:08|57P)/;

/**
 * Whether a lost answer means that the connection broke. After most errors of the server, such as a full disk, it did
 * not: the server only does not say whether the commit happened.
 */
export function brokeConnection({ reason, cause }: DatabaseFault): boolean {
  if (reason !== 'lost') return false;
  return !isServerError(cause) || cause.code === undefined || endsSession.test(cause.code);
}

// The disk is full, or a read or write of it failed.
const storeErrors = new Set(['53100', '58030']);

/** Whether the server could not store what the statement wrote, as other writes cannot be stored either. */
export function couldNotStore({ code }: DatabaseFault): boolean {
  return code !== undefined && storeErrors.has(code);
}

/** Whether a session did not find our tables or functions: they do not exist, or are in another schema. */
export function lacksTables(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '42P01' || code === '42883';
}

/** Whether the server sent this error. A host's pool may come from another copy of the driver, with its own class. */
function isServerError(error: unknown): error is pg.DatabaseError {
  if (error instanceof pg.DatabaseError) return true;
  if (!(error instanceof Error) || error.constructor.name !== pg.DatabaseError.name) return false;
  const { severity, length } = error as Partial<pg.DatabaseError>;
  return typeof severity === 'string' && typeof length === 'number';
}

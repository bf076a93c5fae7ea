// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks each new connection once, before it is handed out: a primary, and the installation of the start. */
import type pg from 'pg';
import { type DatabaseFault, lacksTables } from '../errors/pg-error.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { type Statement, statement } from '../statements.ts';
import { types } from './value-types.ts';

const checkSession = statement('check-session');
const readWriteState = statement('read-write-state');

/** What the sessions of a pool must be able to do, besides being on a primary. */
export type SessionRequirements = {
  /** The session must take writes. A primary in maintenance may refuse them while its reads are true. */
  writes?: boolean;
  /** What the session works on must be this installation. */
  installation?: InstallationWatch | undefined;
};

/** What of the row of `sql/check-session.sql` shows a primary. */
export type SessionFacts = { in_recovery: boolean; read_only: boolean };

const readOnly = '25006';

/** A connection leads to a server that cannot serve it: a standby, or for writes a server that is read-only. */
export class NoPrimaryError extends Error {
  override readonly name = 'NoPrimaryError';
  /** The SQLSTATE with which such a server refuses a statement. */
  readonly code = readOnly;
  /** Whether the server is a standby. Then what it returned to other connections may be old too. */
  readonly inRecovery: boolean;

  constructor(options: { inRecovery: boolean }) {
    super(
      options.inRecovery
        ? 'the server is not a writable primary: it is in recovery, as a standby is'
        : 'the server is not a writable primary: its transactions are read-only',
    );
    this.inRecovery = options.inRecovery;
  }
}

/**
 * Resolves when the connection may be used. Rejects with what is wrong otherwise; the caller then ends the connection.
 * The caller also limits the time, by cutting the connection.
 */
export async function verifySession(
  client: pg.ClientBase,
  requirements: SessionRequirements,
): Promise<void> {
  const { installation } = requirements;
  const facts = await readFacts(client);
  // First, since a standby says nothing about the database: it may not have caught up with what was replaced there.
  if (facts.in_recovery) throw new NoPrimaryError({ inRecovery: true });
  const problem = installation?.judgeNew(facts.identity) ?? judgeSession(facts, requirements);
  if (problem !== undefined) throw problem;
  if (facts.error !== undefined) throw facts.error;
}

/** What a session shows. Where it lacks the tables or functions, that is its `error`, and there is no identity. */
async function readFacts(
  client: pg.ClientBase,
): Promise<SessionFacts & { identity?: string; error?: unknown }> {
  try {
    return await readRow<SessionFacts & { identity: string }>(client, checkSession);
  } catch (error) {
    if (!lacksTables(error)) throw error;
    return { ...(await readRow<SessionFacts>(client, readWriteState)), error };
  }
}

async function readRow<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  { text }: Statement,
): Promise<Row> {
  const { rows } = await client.query<Row>({ text, types });
  if (rows[0] === undefined) throw new Error('no answer');
  return rows[0];
}

/** Why the session must not be used; undefined when it may be. */
export function judgeSession(
  facts: SessionFacts,
  requirements: SessionRequirements,
): Error | undefined {
  if (facts.in_recovery) return new NoPrimaryError({ inRecovery: true });
  if (facts.read_only && requirements.writes) return new NoPrimaryError({ inRecovery: false });
  return undefined;
}

/** Whether the server refused because it takes no writes: a statement, or the use of a new connection. */
export function takesNoWrites(fault: DatabaseFault): boolean {
  return fault.code === readOnly;
}

/**
 * Whether the fault shows that the server is no primary, so that no connection to it is of use. A new connection to a
 * server that is only read-only shows nothing about those that were opened before.
 */
export function isNoPrimary(fault: DatabaseFault): boolean {
  const { cause } = fault;
  return cause instanceof NoPrimaryError ? cause.inRecovery : takesNoWrites(fault);
}

// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks each new connection once, before it is handed out: its server must be a primary. */
import type pg from 'pg';
import { statement } from './statements.ts';
import { types } from './value-types.ts';

const checkSession = statement('check-session');

/** What the sessions of a pool must be able to do, besides being on a primary. */
export type SessionRequirements = {
  /** The session must take writes. A primary in maintenance may refuse them while its reads are true. */
  writes?: boolean;
};

/** The row of `sql/check-session.sql`. */
export type SessionFacts = { in_recovery: boolean; read_only: boolean };

/** A connection leads to a server that cannot serve it: a standby, or for writes a server that is read-only. */
export class NoPrimaryError extends Error {
  override readonly name = 'NoPrimaryError';
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
  const { rows } = await client.query<SessionFacts>({ text: checkSession.text, types });
  const [facts] = rows;
  const problem = facts === undefined ? new Error('no answer') : judgeSession(facts, requirements);
  if (problem !== undefined) throw problem;
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

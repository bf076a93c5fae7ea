// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Checks each new connection before its first use: its server is a primary, and the installation is that of the start.
 */
import type pg from 'pg';
import type { HistoryGuard } from '../../../core/history/history-guard.ts';
import { type DatabaseFault, lacksTables } from '../errors/pg-error.ts';
import { newHistoryConnection } from '../history/history-connection.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import { type Statement, statement } from '../statements.ts';
import { types } from './value-types.ts';

const checkSession = statement('check-session');
const readWriteState = statement('read-write-state');

/** What the sessions of a pool must fulfil, besides being on a primary. */
export type SessionRequirements = {
  /** The server must accept writes. A primary in maintenance may refuse them, and its reads are still correct. */
  writes?: boolean;
  /** The session must work on this installation. */
  installation?: InstallationWatch | undefined;
  /** Checks that the server has all acknowledged batches. Its `isLost` says so; the session is not refused. */
  history?: HistoryGuard | undefined;
};

/** The columns of `sql/check-session.sql` that show a primary. */
export type SessionFacts = { in_recovery: boolean; read_only: boolean };

/** The other columns, where the server has our tables and functions. */
type InstallationFacts = { identity: string; server: string; is_history_lost: boolean };

/** The servers of connections that were checked for a guard. */
const servers = new WeakMap<pg.ClientBase, string>();

const readOnly = '25006';

/** The server of a connection is a standby, or a read-only server where writes are needed. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError';
  /** The SQLSTATE with which such a server refuses a write. */
  readonly code = readOnly;
  /** Whether the server is a standby. Then its answers on other connections may be old too. */
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
 * Resolves when the connection may be used, and rejects with the reason otherwise. The caller ends a rejected
 * connection, and limits the time.
 */
export async function verifySession(
  client: pg.ClientBase,
  requirements: SessionRequirements,
): Promise<void> {
  const { installation, history } = requirements;
  const facts = await readFacts(client);
  // First: a standby proves nothing about the installation, because it may still show what was replaced on the primary.
  if (facts.in_recovery) throw new NotPrimaryError({ inRecovery: true });
  const other = installation?.checkNewConnection(facts.identity);
  if (other !== undefined && installation?.isCopy(facts.identity)) {
    // A copy from before the guard has no place for a loss.
    await history
      ?.checkCopy(facts.server ?? '', newHistoryConnection(client, history.node))
      .catch(() => undefined);
  }
  const problem = other ?? sessionProblem(facts, requirements);
  if (problem !== undefined) throw problem;
  if (facts.error !== undefined) throw facts.error;
  if (history === undefined) return;
  const { server, is_history_lost: isLossStored } = facts as InstallationFacts;
  await history.checkConnection(
    { server, isLossStored },
    newHistoryConnection(client, history.node),
  );
  servers.set(client, server);
}

/** The server of a connection, and which run of it; undefined where no guard has checked the connection. */
export function serverOf(client: pg.ClientBase): string | undefined {
  return servers.get(client);
}

/** Whether the connection leads to another server than the one that the guard has found last. */
export function isElsewhere(client: pg.ClientBase, history: HistoryGuard | undefined): boolean {
  return history !== undefined && servers.get(client) !== history.server;
}

/** Without our tables or functions, `error` says so, and there is no identity. */
async function readFacts(
  client: pg.ClientBase,
): Promise<SessionFacts & Partial<InstallationFacts> & { error?: unknown }> {
  try {
    return await readRow<SessionFacts & InstallationFacts>(client, checkSession);
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
  if (rows[0] === undefined) throw new Error('the server returned no row');
  return rows[0];
}

/** Why the session must not be used; undefined when it may be. */
export function sessionProblem(
  facts: SessionFacts,
  requirements: SessionRequirements,
): Error | undefined {
  if (facts.in_recovery) return new NotPrimaryError({ inRecovery: true });
  if (facts.read_only && requirements.writes) return new NotPrimaryError({ inRecovery: false });
  return undefined;
}

/** Whether the server accepts no writes: it refused a statement, or the check of a new connection found out. */
export function refusesWrites(fault: DatabaseFault): boolean {
  return fault.code === readOnly;
}

/**
 * Whether the fault shows that no connection to this server is of use. A new connection to a primary that is only
 * read-only says nothing about connections that are already open.
 */
export function isNotPrimary(fault: DatabaseFault): boolean {
  const { cause } = fault;
  return cause instanceof NotPrimaryError ? cause.inRecovery : refusesWrites(fault);
}

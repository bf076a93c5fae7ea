// SPDX-License-Identifier: GPL-3.0-or-later
import {
  ExponentialBackoff,
  handleType,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import type { Database } from './database.ts';
import { brokeConnection, DatabaseFault } from './errors/pg-error.ts';
import { statement } from './statements.ts';

const findSession = statement('find-session');

// Callers must not load a server with new connections while it is being promoted.
const backoff = new ExponentialBackoff({ initialDelay: 20, maxDelay: 250 });

/**
 * Sends a write again when its connection broke before the answer, as in a failover, until a server answers or the time
 * limit of one statement is over. Then, and after every other fault, it rejects with the fault of the first attempt.
 */
export async function repeatLostWrite<Result>(
  database: Pick<Database, 'answerTimeoutMs' | 'run' | 'server'>,
  options: {
    /**
     * `always`: the database makes the write once, however often it is sent. `when_ended`: it may be sent again once the
     * session of the first attempt has ended. Before that it may still be on its way, and change what others have changed
     * since.
     */
    mayRepeat: 'always' | 'when_ended';
  },
  write: (isRepeat: boolean) => Promise<Result>,
): Promise<Result> {
  const startMs = performance.now();
  try {
    return await write(false);
  } catch (error) {
    if (!(error instanceof DatabaseFault) || !brokeConnection(error)) throw error;
    const leftMs = database.answerTimeoutMs - (performance.now() - startMs);
    const policy = wrap(
      timeout(Math.max(leftMs, 0), TimeoutStrategy.Aggressive),
      retry(handleType(DatabaseFault), { maxAttempts: Number.POSITIVE_INFINITY, backoff }),
    );
    const repeat = async ({ signal }: { signal: AbortSignal }) => {
      if (signal.aborted) throw new TaskCancelledError();
      if (options.mayRepeat === 'when_ended' && !(await hasEnded(database, error))) throw error;
      return await write(true);
    };
    return await policy.execute(repeat).catch((reason: unknown) => {
      throw reason instanceof TaskCancelledError ? error : reason;
    });
  }
}

/** Whether the session that lost the answer has ended. Rejects while no server answers. */
async function hasEnded(
  database: Pick<Database, 'run' | 'server'>,
  { session }: DatabaseFault,
): Promise<boolean> {
  if (session === undefined) return false;
  const found = await database.run(findSession, [session.processId]);
  // On another server, or after a restart, another process can have this id.
  return found.length === 0 || (session.server !== undefined && database.server !== session.server);
}

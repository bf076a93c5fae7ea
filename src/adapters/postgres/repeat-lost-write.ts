// SPDX-License-Identifier: GPL-3.0-or-later
import {
  ExponentialBackoff,
  handleWhen,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import type { Database } from './database.ts';
import { brokeConnection, DatabaseFault, type FaultReason } from './errors/pg-error.ts';
import { statement } from './statements.ts';

const findSession = statement('find-session');

// Callers must not load a server with new connections while it is being promoted.
const backoff = new ExponentialBackoff({ initialDelay: 20, maxDelay: 250 });

// The server answered the repeat, and refuses every further one too.
const refusals: ReadonlySet<FaultReason> = new Set(['invalid', 'refused', 'void', 'broken']);

/**
 * Sends a write again when its connection broke before the answer, as in a failover, until a server answers or the time
 * limit of one statement is over. Then, and after every other fault, it rejects with the fault of the first attempt.
 */
export async function repeatLostWrite<Result>(
  database: Pick<Database, 'answerTimeoutMs' | 'run' | 'server'>,
  options: {
    /**
     * `always`: the database makes the write once, however often it is sent. `when_ended`: it may be sent again once the
     * session of the attempt before has ended. Before that it may still be on its way, and change what others have changed
     * since. The write itself finds out whether that attempt is stored.
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
    if (leftMs <= 0) throw error;
    const policy = wrap(
      timeout(leftMs, TimeoutStrategy.Aggressive),
      retry(handleWhen(isTemporary), { maxAttempts: Number.POSITIVE_INFINITY, backoff }),
    );
    let lost = error;
    const repeat = async ({ signal }: { signal: AbortSignal }) => {
      if (options.mayRepeat === 'when_ended' && !(await hasEnded(database, lost))) throw lost;
      if (signal.aborted) throw new TaskCancelledError();
      return await write(true).catch((fault: unknown) => {
        if (fault instanceof DatabaseFault && fault.effect === 'unknown') lost = fault;
        throw fault;
      });
    };
    return await policy.execute(repeat).catch((reason: unknown) => {
      // Only where all attempts have ended does a refusal mean that nothing is stored.
      const isOpen = reason instanceof DatabaseFault && options.mayRepeat === 'always';
      throw reason instanceof TaskCancelledError || isOpen ? error : reason;
    });
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof DatabaseFault && !refusals.has(error.reason);
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

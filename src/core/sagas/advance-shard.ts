// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Pace } from '../duties/pace.ts';
import type { SagaDefinition } from './definition.ts';
import type { SagaRunStore, TakenSaga } from './ports.ts';
import { runSaga, type SagaRunOptions } from './run-saga.ts';

/** What a shard is advanced with. */
export type ShardOptions = Omit<SagaRunOptions, 'clock'> & {
  store: Pick<SagaRunStore, 'take'>;
  /** The sagas of this process. */
  definitions: readonly Pick<SagaDefinition, 'name' | 'version'>[];
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  /** How many sagas of the shard may be under way now. */
  inFlightMax(): number;
  /** When sagas may be taken. */
  pace: Pace;
};

// After this time another process may take its turn.
const turnMs = 10_000;
// How long a saga that becomes due waits at most while others are under way.
const lookMs = 250;

/**
 * Advances the sagas of a shard that are due, several at once, until nothing is due or its turn is over. It ends soon after
 * the signal aborts, and loses nothing then: what was stored last is where a saga goes on.
 */
export async function advanceShard(
  options: ShardOptions,
  shard: number,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, definitions, inFlightMax, pace } = options;
  const endMs = clock.nowMs() + turnMs;
  const underWay = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;
  const isOver = () => signal.aborted || clock.nowMs() >= endMs || failure !== undefined;
  const begin = (saga: TakenSaga, takenMs: number) => {
    const done = runSaga(options, saga, { takenMs, signal, isOver })
      .catch((error) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(saga.sagaId));
    underWay.set(saga.sagaId, done);
  };
  const room = () => Math.max(1, inFlightMax()) - underWay.size;
  const takeDue = async (limit: number) => {
    const takenMs = clock.nowMs();
    const ids = [...underWay.keys()];
    const taken = await store.take(shard, { limit, underWay: ids, definitions }).catch((error) => {
      failure ??= { error };
      return [];
    });
    pace.addToTurn(taken.length - 1);
    for (const saga of taken) begin(saga, takenMs);
  };
  while (!isOver()) {
    if (room() > 0) {
      await pace.turn(signal);
      if (isOver()) break;
      // Others may have ended while the pace made it wait.
      const limit = room();
      if (limit > 0) await takeDue(limit);
      if (underWay.size === 0) break;
    }
    await firstOf([...underWay.values()], clock, signal);
  }
  await Promise.all(underWay.values());
  if (failure !== undefined) throw failure.error;
}

/** Waits for the end of the first saga, or until it is time to look for others. */
async function firstOf(
  underWay: readonly Promise<void>[],
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const wake = () => over.abort();
  signal.addEventListener('abort', wake);
  await Promise.race([...underWay, clock.sleep(lookMs, over.signal)]);
  signal.removeEventListener('abort', wake);
  over.abort();
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Recorded, SagaProgress, SagaRunStore } from './ports.ts';

type Waiting = {
  progress: SagaProgress;
  resolve(recorded: Recorded): void;
  reject(error: unknown): void;
};

const batchMax = 200;

/**
 * Stores the progress of many sagas together: what arrives in one turn of the event loop goes into one statement, and what
 * arrives while that is under way into the next one. When a statement fails, each saga of it gets the failure.
 */
export function batchedProgress(
  store: Pick<SagaRunStore, 'record'>,
  clock: Pick<Clock, 'atEndOfTurn'>,
): (progress: SagaProgress) => Promise<Recorded> {
  const waiting: Waiting[] = [];
  let isUnderWay = false;

  async function storeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = takeBatch(waiting);
      try {
        const recorded = await store.record(batch.map(({ progress }) => progress));
        for (const [index, one] of batch.entries()) {
          const result = recorded[index];
          if (result === undefined) one.reject(new Error('the store returned too few results'));
          else one.resolve(result);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isUnderWay = false;
  }

  return (progress) =>
    new Promise((resolve, reject) => {
      waiting.push({ progress, resolve, reject });
      if (isUnderWay) return;
      isUnderWay = true;
      clock.atEndOfTurn(() => void storeAll());
    });
}

/** The next ones in order. A statement changes each saga once: what comes after a second mention waits. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  const ids = new Set<string>();
  let length = 0;
  for (const { progress } of waiting) {
    if (length === batchMax || ids.has(progress.sagaId)) break;
    ids.add(progress.sagaId);
    length += 1;
  }
  return waiting.splice(0, length);
}

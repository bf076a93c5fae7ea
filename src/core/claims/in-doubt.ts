// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { ClaimLane, SentBatch } from './claim-lane.ts';
import type { ClaimMetrics, ClaimStore, EngineLog } from './ports.ts';

const waitMsMin = 20;
// Short beside CLAIM_TIMEOUT_MS, most of which a failover takes: after it, the claims of the batch can still be answered.
const waitMsMax = 250;
// Shorter, since here the database answers and claims wait: a few void marks a second fill no ledger.
const firstWaitMsMax = 200;

/** What `InDoubt` works with. */
export type InDoubtOptions = {
  store: Pick<ClaimStore, 'resolveBatch'>;
  clock: Pick<Clock, 'sleep'>;
  metrics: Pick<ClaimMetrics, 'batchUnknown' | 'batchResolved'>;
  log: EngineLog;
};

/**
 * Resolves batches in doubt. Until a batch is resolved it may still commit, so its lane sends nothing and what it
 * decides is not answered otherwise. A committed void mark ends that: the batch can never commit afterwards. The void
 * mark is tried until it succeeds, even when no client waits any more.
 */
export class InDoubt {
  private readonly options: InDoubtOptions;
  private readonly stopped = new AbortController();

  constructor(options: InDoubtOptions) {
    this.options = options;
  }

  /** Resolves the batch and lets its lane go on. Resolves to false when it was stopped before that. */
  async resolve(lane: ClaimLane, batch: SentBatch, cause: unknown): Promise<boolean> {
    const { store, clock, metrics, log } = this.options;
    const { batchId } = batch;
    const { signal } = this.stopped;
    lane.answerLost();
    metrics.batchUnknown();
    log.warn(
      { batchId, claims: batch.decisions.length, err: cause },
      'the answer of a batch of claims was lost; its coupon waits until the batch is resolved',
    );
    for (let waitMs = firstWaitMs(lane.lostInARow); ; waitMs = nextWaitMs(waitMs)) {
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) return false;
      try {
        const resolution = await store.resolveBatch(batch.couponName, batchId);
        metrics.batchResolved(resolution.kind);
        log.warn(
          { batchId, resolution: resolution.kind },
          'the batch of claims in doubt is resolved',
        );
        lane.batchResolved(resolution);
        return true;
      } catch (error) {
        // What was not sent need not wait: it is certainly not stored.
        lane.failUnsent('the database cannot decide now', error);
      }
    }
  }

  /** Ends every wait; batches that are still in doubt stay so. */
  stop(): void {
    this.stopped.abort();
  }
}

/**
 * Not at all after the first lost answer, and longer after each further one until a batch is decided: a batch that
 * fails whenever it is sent would fill the ledger with void marks.
 */
function firstWaitMs(lostInARow: number): number {
  return lostInARow <= 1 ? 0 : Math.min(waitMsMin * 2 ** (lostInARow - 2), firstWaitMsMax);
}

function nextWaitMs(waitMs: number): number {
  return Math.min(Math.max(waitMs * 2, waitMsMin), waitMsMax);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { BatchAnswer, ClaimBatch, EngineLog, RefusalReason } from './ports.ts';

const intervalMs = 1000;
const loggedElsewhere: ReadonlySet<RefusalReason> = new Set(['invalid', 'refused', 'not_durable']);

/**
 * A log throttle for batches that were refused: without a database every batch ends like this. Batches with a mistake
 * of a caller are not logged, nor those that a rule of the database forbids, which the store logs with the rule, nor those
 * that wait for more durability, whose cause the health check logs.
 */
export class RefusalLog {
  private readonly log: EngineLog;
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly lastLines = new Map<RefusalReason, { atMs: number; claimsSince: number }>();

  constructor(log: EngineLog, clock: Pick<Clock, 'nowMs'>) {
    this.log = log;
    this.clock = clock;
  }

  /** Logs the first batch refused for a reason at once, and then at most one a second. */
  report(batch: ClaimBatch, answer: BatchAnswer & { kind: 'refused' }): void {
    if (loggedElsewhere.has(answer.reason)) return;
    const nowMs = this.clock.nowMs();
    const last = this.lastLines.get(answer.reason);
    if (last !== undefined && nowMs - last.atMs < intervalMs) {
      last.claimsSince += batch.commands.length;
      return;
    }
    this.lastLines.set(answer.reason, { atMs: nowMs, claimsSince: 0 });
    this.log.warn(
      {
        batchId: batch.batchId,
        claims: batch.commands.length,
        claimsSinceLastLine: last?.claimsSince ?? 0,
        reason: answer.reason,
        err: answer.cause,
      },
      'a batch of claims was refused; nothing of it is stored',
    );
  }
}

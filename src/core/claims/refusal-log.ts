// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { BatchAnswer, ClaimBatch, EngineLog, RefusalReason } from './ports.ts';

const quietMs = 1000;

/**
 * Logs batches that were refused: without a database every batch ends like this, so not each. Not those that hold a
 * caller's mistake, nor those that the database refuses by a rule, which the store logs with that rule.
 */
export class RefusalLog {
  private readonly log: EngineLog;
  private readonly clock: Clock;
  private readonly told = new Map<RefusalReason, { atMs: number; unsaid: number }>();

  constructor(log: EngineLog, clock: Clock) {
    this.log = log;
    this.clock = clock;
  }

  /** One line for the first of a kind, then at most one a second. */
  tell(batch: ClaimBatch, answer: BatchAnswer & { kind: 'refused' }): void {
    if (answer.reason === 'invalid' || answer.reason === 'refused') return;
    const nowMs = this.clock.nowMs();
    const last = this.told.get(answer.reason);
    if (last !== undefined && nowMs - last.atMs < quietMs) {
      last.unsaid += batch.attempts.length;
      return;
    }
    this.told.set(answer.reason, { atMs: nowMs, unsaid: 0 });
    this.log.warn(
      {
        batchId: batch.batchId,
        claims: batch.attempts.length,
        claimsSinceLastLine: last?.unsaid ?? 0,
        reason: answer.reason,
        err: answer.cause,
      },
      'a batch of claims was refused; nothing of it is stored',
    );
  }
}

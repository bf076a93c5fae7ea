// SPDX-License-Identifier: GPL-3.0-or-later
import type { RefusalMetrics, RefusalRule } from '../../../core/refusal-rules.ts';
import type { Refusal } from '../errors/refusal.ts';
import { setSequenceSql } from '../start/coupon-sequence.ts';
import type { Statement } from '../statements.ts';

// A refusal that continues is logged again after this time, so that it stays visible at the end of the log.
const repeatMs = 60_000;
const kindsMax = 50;

const messages: Record<RefusalRule, string> = {
  sequence:
    'the database refuses to create coupons: the sequence of coupons.id is behind its table',
  leftovers: 'the database refuses a change: rows of a coupon that is gone are in the way',
  own: 'the database refuses a change by a constraint that no request should meet',
  foreign: 'the database refuses a change by a constraint or a trigger of another program',
  value: 'the database refuses a value that it should take',
};

/**
 * Counts each statement that the database refuses. Logs the first of a kind and then one a minute, for at most 50 kinds
 * in a minute, because a trigger may refuse in a new way each time.
 */
export class RefusedStatementLog {
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private readonly metrics: RefusalMetrics;
  private readonly nowMs: () => number;
  private readonly kinds = new Map<string, { loggedMs: number; unlogged: number }>();

  constructor(options: {
    warn(event: Record<string, unknown>, message: string): void;
    metrics: RefusalMetrics;
    nowMs(): number;
  }) {
    this.warn = options.warn;
    this.metrics = options.metrics;
    this.nowMs = options.nowMs;
  }

  /** The database refused this statement by a rule that no caller can satisfy. */
  refused(statement: Statement, refusal: Refusal): void {
    this.metrics.statementRefused(refusal.rule);
    const name = statement.name.replace(/^firstcome /, '');
    const kind = JSON.stringify([name, refusal]);
    const nowMs = this.nowMs();
    const last = this.kinds.get(kind);
    if (last !== undefined && nowMs - last.loggedMs < repeatMs) {
      last.unlogged += 1;
      return;
    }
    if (last === undefined && !this.hasRoom(nowMs)) return;
    this.kinds.delete(kind);
    this.kinds.set(kind, { loggedMs: nowMs, unlogged: 0 });
    this.warn(
      {
        ...{ statement: name, ...refusal, refusedSinceLastLine: last?.unlogged ?? 0 },
        ...remedyFor(name, refusal),
      },
      messages[refusal.rule],
    );
  }

  /** Whether another kind may be logged now; the oldest kind makes room when it is old enough. */
  private hasRoom(nowMs: number): boolean {
    if (this.kinds.size < kindsMax) return true;
    for (const [oldest, { loggedMs }] of this.kinds) {
      if (nowMs - loggedMs < repeatMs) return false;
      this.kinds.delete(oldest);
      return true;
    }
    return false;
  }
}

/** A statement that an operator can run, for a refusal that one statement fixes. */
function remedyFor(statement: string, { rule, schema }: Refusal): { remedy?: string } {
  const needsId = statement === 'create-coupon' && (rule === 'sequence' || rule === 'leftovers');
  return needsId ? { remedy: setSequenceSql(schema) } : {};
}

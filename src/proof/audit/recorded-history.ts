// SPDX-License-Identifier: GPL-3.0-or-later
import { type HistoryHead, type Operation, operations } from '../history.ts';
import { absent, IntColumn, InternedTexts, never, TimeColumn } from './columns.ts';

/** How an operation ended. One without a completion ended as `info`: nobody can tell. */
export type CompletionType = 'ok' | 'fail' | 'info';

const completionTypes: readonly CompletionType[] = ['ok', 'fail', 'info'];

/** The sale window that a `create` asked for; null where that end is open. */
export type AskedWindow = { opensAt: string | null; closesAt: string | null };

/**
 * A history joined to operations, each known by its number. Numbers count in the order of invocation. "Before" always
 * means the order of the lines, which is the order in which the recording process saw the events: an operation that
 * ended on an earlier line than another began was over before that one was asked.
 */
export class RecordedHistory {
  readonly head: HistoryHead;
  /** What the reader tolerated. */
  readonly notes: string[] = [];
  /** How many operations there are. */
  count = 0;
  /** Milliseconds at the last event. */
  lastMs = 0;

  readonly coupons = new InternedTexts();
  readonly users = new InternedTexts();
  readonly keys = new InternedTexts();
  readonly claimIds = new InternedTexts();
  readonly labels = new InternedTexts();

  // Of the invocation. InternedTexts are numbers into the lists above.
  readonly operationIndex = new IntColumn();
  readonly proc = new IntColumn();
  readonly node = new IntColumn();
  readonly coupon = new IntColumn();
  readonly user = new IntColumn();
  readonly key = new IntColumn();
  readonly units = new IntColumn();
  readonly begunEvent = new IntColumn();
  readonly begunMs = new TimeColumn();
  readonly windows = new Map<number, AskedWindow>();

  // Of the completion.
  readonly typeIndex = new IntColumn();
  readonly endedEvent = new IntColumn();
  readonly endedMs = new TimeColumn();
  readonly http = new IntColumn();
  readonly outcomeLabel = new IntColumn();
  readonly effectLabel = new IntColumn();
  readonly claimId = new IntColumn();
  readonly position = new IntColumn();
  /** In microseconds since 1970. */
  readonly claimedAt = new TimeColumn();
  readonly retryAfterSeconds = new TimeColumn();
  readonly amount = new IntColumn();
  readonly remaining = new IntColumn();

  constructor(head: HistoryHead) {
    this.head = head;
  }

  operation(op: number): Operation {
    return operations[this.operationIndex.at(op)] as Operation;
  }

  /** Whether no completion was recorded. */
  isOpen(op: number): boolean {
    return this.typeIndex.at(op) === absent;
  }

  type(op: number): CompletionType {
    return completionTypes[this.typeIndex.at(op)] ?? 'info';
  }

  setType(op: number, type: CompletionType): void {
    this.typeIndex.set(op, completionTypes.indexOf(type));
  }

  /** The number of the event that completed it; `never` without one. */
  endEvent(op: number): number {
    return this.isOpen(op) ? never : this.endedEvent.at(op);
  }

  /** Infinite without a completion. */
  endMs(op: number): number {
    return this.isOpen(op) ? Number.POSITIVE_INFINITY : this.endedMs.at(op);
  }

  outcome(op: number): string | undefined {
    return this.labels.text(this.outcomeLabel.at(op));
  }

  effect(op: number): string | undefined {
    return this.labels.text(this.effectLabel.at(op));
  }

  keyText(op: number): string | null {
    return this.keys.text(this.key.at(op)) ?? null;
  }

  /** Whether the answer says that the user holds a claim: his win, its replay, the refusal of a holder, or a look-up. */
  showsClaim(op: number): boolean {
    const operation = this.operation(op);
    if (operation === 'find_claim') return this.type(op) === 'ok';
    if (operation !== 'claim' || this.type(op) === 'info') return false;
    return this.type(op) === 'ok' || this.outcome(op) === 'already_claimed';
  }

  /** The operation in words, for a violation. */
  describe(op: number): string {
    const parts = [`op ${op}`, this.operation(op), this.coupons.text(this.coupon.at(op))];
    const user = this.users.text(this.user.at(op));
    if (user !== undefined) parts.push(`by ${user}`);
    const told = this.outcome(op) ?? this.type(op);
    return `${parts.join(' ')} (${this.isOpen(op) ? 'no answer' : told})`;
  }
}

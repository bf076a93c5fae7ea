// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type ClaimState,
  claimChanges,
  claimStates,
  type HistoryHead,
  type Operation,
  type OutsideRecord,
  operations,
  type SagaState,
  sagaStates,
  type TicketState,
  ticketStates,
} from '../history.ts';
import { absent, IntColumn, InternedTexts, never, TimeColumn } from './columns.ts';

/** How an operation ended. Without a completion it counts as `info`: its outcome is unknown. */
export type CompletionType = 'ok' | 'fail' | 'info';

const completionTypes: readonly CompletionType[] = ['ok', 'fail', 'info'];

/** The sale window of a `create`; null for an open end. */
export type RequestedWindow = { opensAt: string | null; closesAt: string | null };

/** A page of a list of claims: claim ids by number, with their states. */
export type ListedPage = { claims: [claimId: number, state: ClaimState][]; isLast: boolean };

/**
 * A history joined to operations, numbered in order of invocation. "Before" always means the order of the lines, in
 * which the recording process saw the events: if the completion of one operation is on an earlier line than the
 * invocation of another, the first was complete before the second was sent.
 */
export class RecordedHistory {
  readonly head: HistoryHead;
  /** What the reader tolerated. */
  readonly notes: string[] = [];
  /** The number of operations. */
  count = 0;
  /** The milliseconds of the last event. */
  lastMs = 0;

  readonly coupons = new InternedTexts();
  readonly users = new InternedTexts();
  readonly keys = new InternedTexts();
  readonly claimIds = new InternedTexts();
  readonly ticketIds = new InternedTexts();
  readonly labels = new InternedTexts();

  // Of the invocation. Texts are numbers of the interned texts above.
  readonly operationIndex = new IntColumn();
  readonly proc = new IntColumn();
  readonly node = new IntColumn();
  readonly coupon = new IntColumn();
  readonly user = new IntColumn();
  readonly key = new IntColumn();
  readonly units = new IntColumn();
  readonly begunEvent = new IntColumn();
  readonly begunMs = new TimeColumn();
  readonly windows = new Map<number, RequestedWindow>();
  /** Of a `create`: how long its claims are held, in seconds. */
  readonly holdSeconds = new TimeColumn();
  /** Of a `create`: the saga that its claims begin. */
  readonly sagas = new Map<number, string>();
  /** Of a `read`: the age in seconds that it accepts, where it says so. */
  readonly maxAgeSeconds = new TimeColumn();
  /** The list requests that continue a list. */
  readonly laterPages = new Set<number>();
  /** Of a change of a claim: the claim id that it names. */
  readonly namedClaimId = new IntColumn();

  // Of a 202, of the `read_ticket` of its ticket, and of an unknown outcome that names a ticket.
  readonly ticketId = new IntColumn();
  /** The event of the 202. */
  readonly acceptedEvent = new IntColumn();

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
  readonly stateIndex = new IntColumn();
  readonly expiresAt = new TimeColumn();
  readonly confirmedAt = new TimeColumn();
  readonly redeemedAt = new TimeColumn();
  readonly releasedAt = new TimeColumn();
  readonly sagaId = new IntColumn();
  readonly sagaStateIndex = new IntColumn();
  readonly ticketStateIndex = new IntColumn();
  /** Of a `read_ticket`: the result as text, by number. Equal results have the same number. */
  readonly result = new IntColumn();
  readonly results = new InternedTexts();
  readonly retryAfterSeconds = new TimeColumn();
  /** Of a `list_claims`. */
  readonly pages = new Map<number, ListedPage>();
  /** Of a `read`: how old its answer is at most, in seconds, where the answer says so. */
  readonly ageSeconds = new TimeColumn();
  readonly amount = new IntColumn();
  readonly remaining = new IntColumn();

  /** The milliseconds of each event. */
  readonly eventMs = new TimeColumn();

  /** What the outside of the service saw, in order. Its lines are numbered with the events. */
  readonly outside: OutsideRecord[] = [];

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

  /** The number of the event that completed the operation; `never` without one. */
  endEvent(op: number): number {
    return this.isOpen(op) ? never : this.endedEvent.at(op);
  }

  /** Infinite without a completion. */
  endMs(op: number): number {
    return this.isOpen(op) ? Number.POSITIVE_INFINITY : this.endedMs.at(op);
  }

  /**
   * The earliest moment that the answer of a read may show: when it began or, for a cached answer, earlier by its age. As
   * milliseconds, and as the number of the last event that was before; -1 without any.
   */
  shownSince(op: number): { ms: number; event: number } {
    const begun = { ms: this.begunMs.at(op), event: this.begunEvent.at(op) };
    const ageSeconds = this.ageSeconds.at(op);
    if (!(ageSeconds > 0)) return begun;
    const ms = begun.ms - ageSeconds * 1000;
    let [low, high] = [0, begun.event];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.eventMs.at(middle) < ms) low = middle + 1;
      else high = middle;
    }
    return { ms, event: low - 1 };
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

  /** Whether the operation confirms, releases or redeems a claim. */
  isChange(op: number): boolean {
    const operation = this.operation(op);
    return claimChanges.some((change) => change === operation);
  }

  /** The state of the claim in the answer; undefined where the answer shows none. */
  state(op: number): ClaimState | undefined {
    return claimStates[this.stateIndex.at(op)];
  }

  /** The state of the saga in the answer; undefined where the answer shows none. */
  sagaState(op: number): SagaState | undefined {
    return sagaStates[this.sagaStateIndex.at(op)];
  }

  /** Whether the claim was answered with 202. Its completion, if any, is the final state of its ticket. */
  isAccepted(op: number): boolean {
    return this.acceptedEvent.at(op) !== absent;
  }

  /** The state of a ticket in the answer; undefined where the answer shows none. */
  ticketState(op: number): TicketState | undefined {
    return ticketStates[this.ticketStateIndex.at(op)];
  }

  /** Whether the answer is that an operator's undo of the claim's saga begins: the claim is released later. */
  asksForUndo(op: number): boolean {
    return this.operation(op) === 'release' && this.outcome(op) === 'undo_requested';
  }

  /** Whether the answer shows the user's live claim: a win, its replay, `already_claimed`, or a successful look-up. */
  showsClaim(op: number): boolean {
    const operation = this.operation(op);
    if (operation === 'find_claim') return this.type(op) === 'ok';
    if (operation !== 'claim' || this.type(op) === 'info') return false;
    return this.type(op) === 'ok' || this.outcome(op) === 'already_claimed';
  }

  /** A description of the operation for a violation. */
  describe(op: number): string {
    const parts = [`op ${op}`, this.operation(op), this.coupons.text(this.coupon.at(op))];
    const user = this.users.text(this.user.at(op));
    if (user !== undefined) parts.push(`by ${user}`);
    const ending = this.outcome(op) ?? this.type(op);
    return `${parts.join(' ')} (${this.isOpen(op) ? 'no answer' : ending})`;
  }
}

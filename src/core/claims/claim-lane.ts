// SPDX-License-Identifier: GPL-3.0-or-later
import { invariant } from '../invariant.ts';
import { answerCommitted } from './committed-changes.ts';
import { nounOf, type PendingDecision } from './pending-decision.ts';
import {
  type BatchAnswer,
  type BatchCommand,
  type BatchOutcome,
  type BatchResolution,
  type ClaimBatch,
  hasTicket,
  isChange,
} from './ports.ts';
import { failRefused } from './refused-batch.ts';

// Follows a change within a few batches and forgives a single slow one.
const smoothing = 0.3;
// After so many refused alone and none decided in between, the database refuses everything of this coupon.
const refusedInARowMax = 16;

// Each has batches of its own.
const sources = ['clients', 'sagas', 'queue'] as const;
type Source = (typeof sources)[number];

/** A batch that was sent, with the decisions that wait for its answer. */
export type SentBatch = ClaimBatch & { decisions: readonly PendingDecision[] };

/**
 * What a lane does now.
 * - `idle`: nothing waits and no batch is under way.
 * - `ready`: claims or changes wait, and the lane stands in the ready queue.
 * - `sending`: a batch was sent, and its answer is awaited.
 * - `in doubt`: the answer was lost; nothing is sent until the batch is resolved.
 */
export type LaneState =
  | { kind: 'idle' | 'ready' }
  | { kind: 'sending' | 'in doubt'; batch: SentBatch };

/** Is notified when a lane becomes ready or idle. */
export type LaneListener = { onReady(lane: ClaimLane): void; onIdle(lane: ClaimLane): void };

/**
 * The queue of one coupon in one process, whose claims and changes of claims commit together, in order of arrival.
 * While one batch is under way those of the next one wait, so batches grow with the load, and a single claim is sent
 * without delay. Changes that sagas make go in batches of their own, and so do claims with tickets, in turns with the others:
 * the database decides a batch of claims alone several times as fast, and those of the queue can wait.
 *
 * A lane keeps order and its own state; the scheduler decides when it sends.
 */
export class ClaimLane {
  readonly couponName: string;
  private readonly listener: LaneListener;
  private state: LaneState = { kind: 'idle' };
  /** What was never sent, by its source, each in order of arrival. */
  private readonly news: Record<Source, PendingDecision[]> = { clients: [], sagas: [], queue: [] };
  /** Whose turn it is, the first one next. */
  private turns: readonly Source[] = sources;
  /** What is to be sent again. Each group becomes one batch, before anything new. */
  private retryGroups: PendingDecision[][] = [];
  /** How long a batch of this lane takes, smoothed; 0 before the first. */
  private batchMs = 0;
  private lostInARowCount = 0;
  /** Decisions of one batch that were refused alone, one after the other, with none made in between. */
  private refusedInARow = 0;

  constructor(couponName: string, listener: LaneListener) {
    this.couponName = couponName;
    this.listener = listener;
  }

  get stateKind(): LaneState['kind'] {
    return this.state.kind;
  }

  /** The batch under way or in doubt. */
  get batch(): SentBatch | undefined {
    return 'batch' in this.state ? this.state.batch : undefined;
  }

  /** Decisions that are not under way. */
  get waiting(): number {
    const { clients, sagas, queue } = this.news;
    let count = clients.length + sagas.length + queue.length;
    for (const group of this.retryGroups) count += group.length;
    return count;
  }

  /** Whether the next batch is a single new claim, which may go in a multi-coupon batch. */
  get canShareCommit(): boolean {
    const { clients, sagas, queue } = this.news;
    const [first] = clients;
    return (
      clients.length === 1 &&
      sagas.length === 0 &&
      queue.length === 0 &&
      this.retryGroups.length === 0 &&
      first !== undefined &&
      !isChange(first.command)
    );
  }

  /** Batches whose answers were lost, one after the other, with none decided in between. */
  get lostInARow(): number {
    return this.lostInARowCount;
  }

  /** How long a claim that arrives now waits for its answer, if each batch takes as long as the last ones. */
  expectedWaitMs(batchMax: number): number {
    // The rest of the batch under way counts as a whole batch; then those before this claim, and its own.
    return this.batchMs * (2 + Math.floor(this.waiting / batchMax));
  }

  /** When the oldest unanswered decision arrived, under way or not; undefined when there is none. */
  get oldestArrivedMs(): number | undefined {
    let oldest: number | undefined;
    for (const decisions of this.inOrder()) {
      const first = decisions.find(({ answered }) => !answered);
      if (first && !(oldest !== undefined && oldest <= first.arrivedMs)) oldest = first.arrivedMs;
    }
    return oldest;
  }

  add(decision: PendingDecision): void {
    this.news[sourceOf(decision.command)].push(decision);
    if (this.state.kind === 'idle') this.becomeReady();
  }

  /**
   * Takes the next batch, at most `sizeMax` decisions, without those that are answered already. Returns undefined, and
   * the lane is idle, when none is left.
   */
  takeBatch(newBatchId: () => string, sizeMax: number): SentBatch | undefined {
    invariant(this.state.kind === 'ready', 'only a ready lane sends a batch');
    const decisions = this.takeUnanswered(sizeMax);
    if (decisions === undefined) {
      this.becomeIdle();
      return undefined;
    }
    for (const decision of decisions) decision.markSent();
    const batch = {
      batchId: newBatchId(),
      couponName: this.couponName,
      commands: decisions.map(({ command }) => command),
      decisions,
    };
    this.state = { kind: 'sending', batch };
    return batch;
  }

  /** Records how long the batch under way took. */
  batchTook(ms: number): void {
    this.batchMs = this.batchMs === 0 ? ms : this.batchMs + (ms - this.batchMs) * smoothing;
  }

  /** The batch is committed: answers each of its decisions. */
  decide(outcomes: readonly BatchOutcome[]): void {
    const { decisions } = this.batchIn('sending');
    invariant(outcomes.length === decisions.length, 'one outcome for each command of a batch');
    this.lostInARowCount = 0;
    this.refusedInARow = 0;
    decisions.forEach((decision, index) => {
      const outcome = outcomes[index];
      invariant(outcome, 'an outcome for each command');
      decision.decide(outcome);
    });
    this.endBatch();
  }

  /**
   * The batch is refused and stored nothing. One command may be the cause: halving the batch finds it, and the others
   * are decided in their order.
   */
  refuse(answer: BatchAnswer & { kind: 'refused' }): void {
    const { decisions } = this.batchIn('sending');
    for (const decision of decisions) decision.markNotStored();
    const isByOne = answer.reason === 'invalid' || answer.reason === 'refused';
    if (isByOne && decisions.length > 1 && this.refusedInARow < refusedInARowMax) {
      const half = decisions.length >> 1;
      this.retryGroups.unshift(decisions.slice(0, half), decisions.slice(half));
    } else {
      if (isByOne && decisions.length === 1) this.refusedInARow += 1;
      failRefused(decisions, answer);
    }
    this.endBatch();
  }

  /** A multi-coupon batch left this lane's claim undecided, with nothing of it stored: it is sent again, alone. */
  retryUndecided(): void {
    const { decisions } = this.batchIn('sending');
    for (const decision of decisions) decision.markNotStored();
    this.retryGroups.unshift([...decisions]);
    this.endBatch();
  }

  /** The answer of the batch was lost: the lane sends nothing until the batch is resolved. */
  answerLost(): void {
    this.state = { kind: 'in doubt', batch: this.batchIn('sending') };
    this.lostInARowCount += 1;
  }

  /**
   * The batch in doubt is resolved. The changes that it has made are answered. All else is sent again, before all
   * others and with the same claim ids: a claim that the batch had stored is recognised by its id, and what is left is
   * decided like new.
   */
  batchResolved(resolution: BatchResolution): void {
    const { decisions } = this.batchIn('in doubt');
    for (const decision of decisions) decision.markResolved(resolution);
    if (resolution.kind === 'committed') answerCommitted(decisions, resolution.changes);
    const unanswered = decisions.filter((decision) => !decision.answered);
    if (unanswered.length > 0) this.retryGroups.unshift(unanswered);
    this.endBatch();
  }

  /** Refuses what waits and cannot be stored, as when the database cannot be reached. */
  failUnsent(detail: string, cause: unknown): void {
    for (const decisions of [...this.retryGroups, ...Object.values(this.news)]) {
      for (const decision of decisions) {
        if (!decision.maybeStored) decision.fail('unavailable', detail, cause);
      }
    }
    this.dropAnswered();
  }

  /** Answers what arrived before `arrivedBeforeMs`: refused, or unknown if it may be stored. */
  expire(arrivedBeforeMs: number): void {
    for (const decisions of this.inOrder()) {
      for (const decision of decisions) {
        if (decision.arrivedMs >= arrivedBeforeMs) break;
        decision.fail('overloaded', `the ${nounOf(decision.command)} waited too long for its turn`);
      }
    }
    this.dropAnswered();
  }

  /** Answers everything that is left when the time to drain is over. */
  abandon(): void {
    for (const decisions of this.inOrder()) {
      for (const decision of decisions) decision.fail('unavailable', 'the service is stopping');
    }
    this.dropAnswered();
  }

  private takeUnanswered(sizeMax: number): PendingDecision[] | undefined {
    for (;;) {
      if (this.retryGroups.length === 0) this.refusedInARow = 0;
      const group = this.retryGroups.shift() ?? this.takeNew(sizeMax);
      if (group.length === 0) return undefined;
      const unanswered = group.filter((decision) => !decision.answered);
      if (unanswered.length > 0) return unanswered;
    }
  }

  private takeNew(sizeMax: number): PendingDecision[] {
    const index = this.turns.findIndex((source) => this.news[source].length > 0);
    const source = this.turns[index];
    if (source === undefined) return [];
    this.turns = [...this.turns.slice(index + 1), ...this.turns.slice(0, index + 1)];
    return this.news[source].splice(0, sizeMax);
  }

  private batchIn(kind: 'sending' | 'in doubt'): SentBatch {
    const { state } = this;
    invariant(state.kind === kind && 'batch' in state, `a batch of the lane is ${kind}`);
    return state.batch;
  }

  private endBatch(): void {
    if (this.waiting > 0) this.becomeReady();
    else this.becomeIdle();
  }

  private becomeReady(): void {
    this.state = { kind: 'ready' };
    this.listener.onReady(this);
  }

  private becomeIdle(): void {
    this.state = { kind: 'idle' };
    this.listener.onIdle(this);
  }

  private inOrder(): readonly (readonly PendingDecision[])[] {
    return [this.batch?.decisions ?? [], ...this.retryGroups, ...Object.values(this.news)];
  }

  private dropAnswered(): void {
    for (const source of sources) this.news[source] = withoutAnswered(this.news[source]);
  }
}

function sourceOf(command: BatchCommand): Source {
  if (hasTicket(command)) return 'queue';
  return isChange(command) && command.sagaEpoch !== undefined ? 'sagas' : 'clients';
}

function withoutAnswered(decisions: PendingDecision[]): PendingDecision[] {
  return decisions[0]?.answered ? decisions.filter(({ answered }) => !answered) : decisions;
}

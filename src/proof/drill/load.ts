// SPDX-License-Identifier: GPL-3.0-or-later

import type { Phase } from './arrival-times.ts';
import type { Clients, CompletedRequest } from './clients.ts';
import type { Completion } from './completion.ts';
import { DelayQueue } from './delay-queue.ts';
import type { Arrival } from './plan.ts';
import type { RoutedRequest } from './request.ts';
import type { RetryPolicy } from './scenario.ts';
import type { Tally } from './tally.ts';

/** What a load needs. */
export type LoadOptions = {
  clients: Clients;
  tally: Tally;
  retryPolicy: RetryPolicy;
  /** The clock of the clients. */
  now(): number;
  /** Ends the load early: nobody arrives any more and nobody asks again. */
  signal: AbortSignal;
  /** Called for each answer. */
  onCompleted(routed: RoutedRequest, completion: Completion): void;
  /** Whether arrivals are left out that can only be handed over a second late. */
  isTimeBound: boolean;
};

// So that a load with long gaps still ends soon when it is told to.
const sleepMsMax = 50;
// What is later than this is left out where the scenario is bound to its time.
const lateMsMax = 1_000;
// To leave somebody out is so much less work than to hand him over.
const leftOutCost = 1 / 64;
// After so many in one go the answers that have come meanwhile are read first.
const sentInARowMax = 128;

/** Asks, follows up what is told, and knows when all of it has come to its end. */
export class Load {
  /** How late somebody was handed over to the clients at most: what the generator itself is to blame for. */
  lagMsMax = 0;
  /** How many arrivals were left out. */
  leftOut = 0;
  private readonly options: LoadOptions;
  /** Who will come again, by the time when his wait is over. */
  private readonly retries = new DelayQueue<RoutedRequest>();
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  /** True while who comes again has to wait for the place of an arrival. */
  private rateIncludesRetries = false;
  /** Until when they had to. */
  private retriesHeldUntilMs = 0;
  private unfinished = 0;
  private recentLagMs = 0;
  private onChange: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.options = options;
    options.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** The lag of the generator now or lately, for the display; reading it begins a new measurement. */
  takeLagMs(): number {
    const lag = this.recentLagMs;
    this.recentLagMs = 0;
    return lag;
  }

  /**
   * An open loop: everybody arrives at his time, however slow the answers are. Resolves when the last one has arrived;
   * `settled` waits for the answers. `onPhase` is called at the beginning of each phase but the first.
   */
  runOpenLoop(
    plan: Iterator<Arrival, void>,
    phases: readonly Phase[],
    onPhase: (phase: number) => void,
  ): Promise<void> {
    const { now, signal, isTimeBound } = this.options;
    const startMs = now();
    let next = plan.next();
    let phase = 0;
    this.enterPhase(phases[phase]);
    return new Promise((resolve, reject) => {
      const sendDue = () => {
        let sent = 0;
        while (!next.done && !signal.aborted) {
          const { atMs, requests } = next.value;
          const intendedMs = startMs + atMs;
          const lateMs = now() - intendedMs;
          if (lateMs < 0) return void setTimeout(tick, sleepMsUntil(-lateMs));
          if (sent >= sentInARowMax) return void setImmediate(tick);
          this.recordLag(lateMs);
          if (next.value.phase !== phase) {
            phase = next.value.phase;
            onPhase(phase);
            this.enterPhase(phases[phase]);
          }
          if (isTimeBound && lateMs > lateMsMax) {
            this.leftOut += 1;
            sent += leftOutCost;
          } else {
            for (const routed of this.retryOrNew(requests, intendedMs))
              this.sendAndFollow(routed, intendedMs);
            sent += 1;
          }
          next = plan.next();
        }
        this.enterPhase(undefined);
        resolve();
      };
      const tick = () => {
        try {
          sendDue();
        } catch (error) {
          reject(error);
        }
      };
      tick();
    });
  }

  /** A closed loop: so many clients, each of which asks the next thing when it was answered. Nobody asks again. */
  runClosedLoop(loop: { clients: number; seconds: number; draw(): RoutedRequest[] | undefined }) {
    const { now, signal } = this.options;
    const endMs = now() + loop.seconds * 1000;
    const sendNext = () => {
      if (signal.aborted || now() >= endMs) return;
      for (const routed of loop.draw() ?? []) this.send(routed, now(), sendNext);
    };
    for (let client = 0; client < loop.clients; client += 1) sendNext();
    return this.whenIdle();
  }

  /** Resolves when all was answered, timed out or given up, and nobody means to ask again. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.onChange = () => {
        if (this.unfinished === 0 && this.retries.size === 0) resolve();
      };
      this.onChange();
    });
  }

  private recordLag(ms: number): void {
    if (ms > this.lagMsMax) this.lagMsMax = ms;
    if (ms > this.recentLagMs) this.recentLagMs = ms;
  }

  private sendAndFollow(routed: RoutedRequest, intendedMs: number): void {
    this.send(routed, intendedMs, (completion) => this.planRetries(routed, completion));
  }

  private send(
    { node, request }: RoutedRequest,
    intendedMs: number,
    then: (completion: Completion) => void,
  ): void {
    const { clients, tally, now } = this.options;
    this.unfinished += 1;
    tally.addRequest(now());
    const onDone = (done: CompletedRequest) => {
      this.unfinished -= 1;
      tally.addCompletion(done);
      this.options.onCompleted(done.pending, done.completion);
      then(done.completion);
      if (this.unfinished === 0) this.onChange();
    };
    clients.send({ node, request, intendedMs, onDone });
  }

  private planRetries(routed: RoutedRequest, completion: Completion): void {
    if (this.options.signal.aborted) return;
    const nowMs = this.options.now();
    for (const { delayMs, ...retry } of this.options.retryPolicy(routed, completion)) {
      this.retries.add(nowMs + delayMs, retry);
    }
    this.scheduleRetries();
  }

  /** Who asks in the place of an arrival: somebody whose wait is over by then, where the rate is that of all. */
  private retryOrNew(
    requests: readonly RoutedRequest[],
    intendedMs: number,
  ): readonly RoutedRequest[] {
    const routed = this.rateIncludesRetries ? this.retries.takeDue(intendedMs) : undefined;
    return routed === undefined ? requests : [routed];
  }

  private enterPhase(phase: Phase | undefined): void {
    const rateIncludesRetries = phase?.rateIncludesRetries === true;
    if (this.rateIncludesRetries && !rateIncludesRetries)
      this.retriesHeldUntilMs = this.options.now();
    this.rateIncludesRetries = rateIncludesRetries;
    this.scheduleRetries();
  }

  /** One timer for all who come again: in an overload there are tens of thousands of them. */
  private scheduleRetries(): void {
    const dueMs = this.rateIncludesRetries ? undefined : this.retries.firstDueMs;
    if (dueMs === undefined || dueMs >= this.timerDueMs) return;
    clearTimeout(this.timer);
    this.timerDueMs = dueMs;
    const gapMs = Math.max(0, dueMs - this.options.now());
    this.timer = setTimeout(() => this.sendDueRetries(), Math.ceil(gapMs));
  }

  private sendDueRetries(): void {
    this.timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.options.now();
    for (let sent = 0; sent < sentInARowMax && !this.rateIncludesRetries; sent += 1) {
      const { firstDueMs = nowMs } = this.retries;
      const routed = this.retries.takeDue(nowMs);
      if (routed === undefined) break;
      const intendedMs = Math.max(firstDueMs, this.retriesHeldUntilMs);
      this.recordLag(nowMs - intendedMs);
      this.sendAndFollow(routed, intendedMs);
    }
    this.scheduleRetries();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.retries.clear();
    this.options.clients.cancelQueued();
    this.onChange();
  }
}

function sleepMsUntil(gapMs: number): number {
  return Math.min(sleepMsMax, Math.max(1, Math.floor(gapMs)));
}

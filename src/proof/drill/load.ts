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
  /** Ends the load early: no further arrivals and no further retries. */
  signal: AbortSignal;
  /** Called for each completion. */
  onCompleted(routed: RoutedRequest, completion: Completion): void;
  /** Whether an arrival is skipped that would be more than a second late. */
  isTimeBound: boolean;
};

// Bounds each sleep, so that a load with long gaps ends soon after an abort.
const sleepMsMax = 50;
// A later arrival is skipped where the scenario is time-bound.
const lateMsMax = 1_000;
// The cost of a skipped arrival, relative to one that is sent.
const skippedCost = 1 / 64;
// After this many arrivals in one turn of the event loop, pending answers are read first.
const sentInARowMax = 128;

/** Sends requests, retries them by the policy of the scenario, and knows when all of them are complete. */
export class Load {
  /** The longest delay between the planned time of a request and its hand-over to the clients: the generator's own lag. */
  lagMsMax = 0;
  /** The number of skipped arrivals. */
  leftOut = 0;
  private readonly options: LoadOptions;
  /** The retries, by due time. */
  private readonly retries = new DelayQueue<RoutedRequest>();
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  /** While true, a retry is only sent in place of an arrival. */
  private rateIncludesRetries = false;
  /** When the last phase ended that held retries back. */
  private retriesHeldUntilMs = 0;
  private unfinished = 0;
  private recentLagMs = 0;
  private onChange: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.options = options;
    options.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** The largest lag since the last call, for the display. */
  takeLagMs(): number {
    const lag = this.recentLagMs;
    this.recentLagMs = 0;
    return lag;
  }

  /**
   * An open loop: every user arrives at the planned time, however slow the answers are. Resolves after the last
   * arrival; `whenIdle` waits for the answers. Calls `onPhase` at the start of each phase but the first.
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
            sent += skippedCost;
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

  /**
   * A closed loop: each client sends its next request when the last one is complete. Ends after `seconds`, or when `draw`
   * returns no more. Retries come on top, if there are any.
   */
  runClosedLoop(loop: {
    clients: number;
    seconds: number;
    draw(): RoutedRequest[] | undefined;
    retries?: true;
  }): Promise<void> {
    const { now, signal } = this.options;
    const endMs = now() + loop.seconds * 1000;
    const sendNext = () => {
      if (signal.aborted || now() >= endMs) return;
      for (const routed of loop.draw() ?? []) {
        this.send(routed, now(), (completion) => {
          if (loop.retries) this.planRetries(routed, completion);
          sendNext();
        });
      }
    };
    for (let client = 0; client < loop.clients; client += 1) sendNext();
    return this.whenIdle();
  }

  /** Resolves when every request is answered, timed out or cancelled, and no retry is planned. */
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
    const onAccepted = (accepted: { acceptedMs: number }) => {
      tally.addAcceptance({ ...accepted, intendedMs });
    };
    clients.send({ node, request, intendedMs, onDone, onAccepted });
  }

  private planRetries(routed: RoutedRequest, completion: Completion): void {
    if (this.options.signal.aborted) return;
    const nowMs = this.options.now();
    for (const { delayMs, ...retry } of this.options.retryPolicy(routed, completion)) {
      this.retries.add(nowMs + delayMs, retry);
    }
    this.scheduleRetries();
  }

  /** The requests for an arrival: a retry that is due takes its place, where retries count towards the rate. */
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

  /** One timer for all retries: an overload has tens of thousands of them. */
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

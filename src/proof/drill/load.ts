// SPDX-License-Identifier: GPL-3.0-or-later

import type { Phase } from './arrival-times.ts';
import type { PlacedAsk } from './ask.ts';
import type { Clients, DoneAsking } from './clients.ts';
import type { Completion } from './completion.ts';
import { DueLine } from './due-line.ts';
import type { Arrival } from './plan.ts';
import type { FollowUp } from './scenario.ts';
import type { Tally } from './tally.ts';

/** What a load needs. */
export type LoadParts = {
  clients: Clients;
  tally: Tally;
  followUp: FollowUp;
  /** The clock of the clients. */
  now(): number;
  /** Ends the load early: nobody arrives any more and nobody asks again. */
  signal: AbortSignal;
  /** Called for each answer. */
  onHeard(placed: PlacedAsk, completion: Completion): void;
  /** Whether arrivals are left out that can only be handed over a second late. */
  isTimeBound: boolean;
};

// So that a load with long gaps still ends soon when it is told to.
const sleepMsMax = 50;
// What is later than this is left out where the scenario is bound to its time.
const lateMsMax = 1_000;
// To leave somebody out is so much less work than to hand him over.
const leftOutEffort = 1 / 64;
// After so many in one go the answers that have come meanwhile are read first.
const handedOverMax = 128;

/** Asks, follows up what is told, and knows when all of it has come to its end. */
export class Load {
  /** How late somebody was handed over to the clients at most: what the generator itself is to blame for. */
  lagMsMax = 0;
  /** How many arrivals were left out. */
  leftOut = 0;
  private readonly parts: LoadParts;
  /** Who will come again, by the time when his wait is over. */
  private readonly returning = new DueLine<PlacedAsk>();
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  /** True while who comes again has to wait for the place of an arrival. */
  private isRateOfAll = false;
  /** Until when they had to. */
  private heldBackUntilMs = 0;
  private unfinished = 0;
  private lagMsLately = 0;
  private onChange: () => void = () => undefined;

  constructor(parts: LoadParts) {
    this.parts = parts;
    parts.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** The lag of the generator now or lately, for the display; reading it begins a new measurement. */
  takeLagMs(): number {
    const lag = this.lagMsLately;
    this.lagMsLately = 0;
    return lag;
  }

  /**
   * An open loop: everybody arrives at his time, however slow the answers are. Resolves when the last one has arrived;
   * `settled` waits for the answers. `onPhase` is called at the beginning of each phase but the first.
   */
  arrive(
    plan: Iterator<Arrival, void>,
    phases: readonly Phase[],
    onPhase: (phase: number) => void,
  ): Promise<void> {
    const { now, signal, isTimeBound } = this.parts;
    const startMs = now();
    let next = plan.next();
    let phase = 0;
    this.holdBack(phases[phase]);
    return new Promise((resolve, reject) => {
      const handOver = () => {
        let handedOver = 0;
        while (!next.done && !signal.aborted) {
          const { atMs, asks } = next.value;
          const intendedMs = startMs + atMs;
          const lateMs = now() - intendedMs;
          if (lateMs < 0) return void setTimeout(tick, sleepMsUntil(-lateMs));
          if (handedOver >= handedOverMax) return void setImmediate(tick);
          this.noteLag(lateMs);
          if (next.value.phase !== phase) {
            phase = next.value.phase;
            onPhase(phase);
            this.holdBack(phases[phase]);
          }
          if (isTimeBound && lateMs > lateMsMax) {
            this.leftOut += 1;
            handedOver += leftOutEffort;
          } else {
            for (const placed of this.inPlaceOf(asks, intendedMs)) this.ask(placed, intendedMs);
            handedOver += 1;
          }
          next = plan.next();
        }
        this.holdBack(undefined);
        resolve();
      };
      const tick = () => {
        try {
          handOver();
        } catch (error) {
          reject(error);
        }
      };
      tick();
    });
  }

  /** A closed loop: so many clients, each of which asks the next thing when it was answered. Nobody asks again. */
  probe(options: { clients: number; seconds: number; draw(): PlacedAsk[] | undefined }) {
    const { now, signal } = this.parts;
    const endMs = now() + options.seconds * 1000;
    const askNext = () => {
      if (signal.aborted || now() >= endMs) return;
      for (const placed of options.draw() ?? []) this.send(placed, now(), askNext);
    };
    for (let client = 0; client < options.clients; client += 1) askNext();
    return this.settled();
  }

  /** Resolves when all was answered, timed out or given up, and nobody means to ask again. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.onChange = () => {
        if (this.unfinished === 0 && this.returning.size === 0) resolve();
      };
      this.onChange();
    });
  }

  private noteLag(ms: number): void {
    if (ms > this.lagMsMax) this.lagMsMax = ms;
    if (ms > this.lagMsLately) this.lagMsLately = ms;
  }

  private ask(placed: PlacedAsk, intendedMs: number): void {
    this.send(placed, intendedMs, (completion) => this.followUp(placed, completion));
  }

  private send(
    { node, ask }: PlacedAsk,
    intendedMs: number,
    then: (completion: Completion) => void,
  ): void {
    const { clients, tally, now } = this.parts;
    this.unfinished += 1;
    tally.ask(now());
    const onDone = (done: DoneAsking) => {
      this.unfinished -= 1;
      tally.done(done);
      this.parts.onHeard(done.asking, done.completion);
      then(done.completion);
      if (this.unfinished === 0) this.onChange();
    };
    clients.ask({ node, ask, intendedMs, onDone });
  }

  private followUp(placed: PlacedAsk, completion: Completion): void {
    if (this.parts.signal.aborted) return;
    const nowMs = this.parts.now();
    for (const { delayMs, ...retry } of this.parts.followUp(placed, completion)) {
      this.returning.add(nowMs + delayMs, retry);
    }
    this.wakeForReturning();
  }

  /** Who asks in the place of an arrival: somebody whose wait is over by then, where the rate is that of all. */
  private inPlaceOf(asks: readonly PlacedAsk[], intendedMs: number): readonly PlacedAsk[] {
    const placed = this.isRateOfAll ? this.returning.takeDue(intendedMs) : undefined;
    return placed === undefined ? asks : [placed];
  }

  private holdBack(phase: Phase | undefined): void {
    const isRateOfAll = phase?.isRateOfAll === true;
    if (this.isRateOfAll && !isRateOfAll) this.heldBackUntilMs = this.parts.now();
    this.isRateOfAll = isRateOfAll;
    this.wakeForReturning();
  }

  /** One timer for all who come again: in an overload there are tens of thousands of them. */
  private wakeForReturning(): void {
    const dueMs = this.isRateOfAll ? undefined : this.returning.firstDueMs;
    if (dueMs === undefined || dueMs >= this.timerDueMs) return;
    clearTimeout(this.timer);
    this.timerDueMs = dueMs;
    const gapMs = Math.max(0, dueMs - this.parts.now());
    this.timer = setTimeout(() => this.askReturning(), Math.ceil(gapMs));
  }

  private askReturning(): void {
    this.timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.parts.now();
    for (let handedOver = 0; handedOver < handedOverMax && !this.isRateOfAll; handedOver += 1) {
      const { firstDueMs = nowMs } = this.returning;
      const placed = this.returning.takeDue(nowMs);
      if (placed === undefined) break;
      const intendedMs = Math.max(firstDueMs, this.heldBackUntilMs);
      this.noteLag(nowMs - intendedMs);
      this.ask(placed, intendedMs);
    }
    this.wakeForReturning();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.returning.clear();
    this.parts.clients.sendHome();
    this.onChange();
  }
}

function sleepMsUntil(gapMs: number): number {
  return Math.min(sleepMsMax, Math.max(1, Math.floor(gapMs)));
}

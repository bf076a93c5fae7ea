// SPDX-License-Identifier: GPL-3.0-or-later
import type { PlacedAsk } from './ask.ts';
import type { Clients, DoneAsking } from './clients.ts';
import type { Completion } from './completion.ts';
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
  private readonly retries = new Set<NodeJS.Timeout>();
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
   * `settled` waits for the answers.
   */
  arrive(plan: Iterator<Arrival, void>, onPhase: (phase: number) => void): Promise<void> {
    const { now, signal, isTimeBound } = this.parts;
    const startMs = now();
    let next = plan.next();
    let phase = 0;
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
          }
          if (isTimeBound && lateMs > lateMsMax) {
            this.leftOut += 1;
            handedOver += leftOutEffort;
          } else {
            for (const placed of asks) this.ask(placed, intendedMs);
            handedOver += 1;
          }
          next = plan.next();
        }
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
        if (this.unfinished === 0 && this.retries.size === 0) resolve();
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
    for (const retry of this.parts.followUp(placed, completion)) {
      const intendedMs = this.parts.now() + retry.delayMs;
      const timer = setTimeout(() => {
        this.retries.delete(timer);
        this.ask(retry, intendedMs);
      }, retry.delayMs);
      this.retries.add(timer);
    }
  }

  private stop(): void {
    for (const timer of this.retries) clearTimeout(timer);
    this.retries.clear();
    this.parts.clients.sendHome();
    this.onChange();
  }
}

function sleepMsUntil(gapMs: number): number {
  return Math.min(sleepMsMax, Math.max(1, Math.floor(gapMs)));
}

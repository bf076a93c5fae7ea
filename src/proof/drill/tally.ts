// SPDX-License-Identifier: GPL-3.0-or-later
import type { CompletedRequest } from './clients.ts';
import { classOf, type OutcomeClass } from './completion.ts';
import { Histogram, type Percentiles } from './histogram.ts';

/** How many there were of each class. */
export type ClassCounts = Record<OutcomeClass, number>;

/** What one second of the load brought. Answers count in the second in which they came. */
export type SecondReport = {
  second: number;
  phase: string;
  /** Asks that were to be sent in this second; further tries of the same intent are among them. */
  asked: number;
  answers: ClassCounts;
  outcomes: Record<string, number>;
  p50: number;
  p99: number;
  p999: number;
};

/** What one phase of the load brought. Answers count in the phase in which they came. */
export type PhaseReport = {
  name: string;
  fromS: number;
  seconds: number;
  asked: number;
  answers: ClassCounts;
  /** Decisions a second: claims that were won, and refusals that the contract calls outcomes. */
  decidedPerSecond: number;
  /** From the intended time. */
  latencyMs: Percentiles;
  /** From the intended time, of those who were told a decision. */
  decidedMs: Percentiles;
  /** From sending, of those who were turned away undecided. */
  shedMs: Percentiles;
};

type Phase = {
  name: string;
  fromMs: number;
  asked: number;
  answers: ClassCounts;
  latency: Histogram;
  decided: Histogram;
  shed: Histogram;
};

/** Counts what a load asked and what it was told, by second and by phase. */
export class Tally {
  /** From the intended time until the end, whatever the end was: nothing is left out because it was slow. */
  readonly latency = new Histogram();
  /** From sending until the end, for comparison. */
  readonly service = new Histogram();
  readonly answers = noCounts();
  readonly outcomes: Record<string, number> = {};
  /** How many were told to come back after so many seconds. */
  readonly retryAfterS: Record<string, number> = {};
  readonly types = { ok: 0, fail: 0, info: 0, notSent: 0 };
  readonly series: SecondReport[] = [];
  asked = 0;
  private readonly startMs: number;
  private readonly currentSecond = new Histogram();
  private readonly phases: Phase[] = [];
  private phase: Phase;

  /** `startMs` is where the load begins, by the clock of the clients. */
  constructor(startMs: number, phaseName: string) {
    this.startMs = startMs;
    this.phase = this.beginPhase(phaseName, startMs);
  }

  /** What comes from now on belongs to this phase. */
  beginPhase(name: string, nowMs: number): Phase {
    const counts = { asked: 0, answers: noCounts() };
    const histograms = {
      latency: new Histogram(),
      decided: new Histogram(),
      shed: new Histogram(),
    };
    this.phase = { name, fromMs: nowMs - this.startMs, ...counts, ...histograms };
    this.phases.push(this.phase);
    return this.phase;
  }

  /** Somebody asks; what was intended for an earlier second and comes late counts in the present one. */
  addRequest(nowMs: number): void {
    this.asked += 1;
    this.phase.asked += 1;
    this.secondAt(nowMs).asked += 1;
  }

  addCompletion({ pending, completion, sentMs, doneMs }: CompletedRequest): void {
    const { f } = pending.request;
    const outcomeClass = classOf(f, completion);
    const outcome = f === 'claim' ? completion.outcome : `${f}: ${completion.outcome}`;
    const latencyMs = doneMs - pending.intendedMs;
    const second = this.secondAt(doneMs);
    this.latency.add(latencyMs);
    this.currentSecond.add(latencyMs);
    this.phase.latency.add(latencyMs);
    if (outcomeClass === 'won' || outcomeClass === 'refused') this.phase.decided.add(latencyMs);
    if (sentMs === undefined) {
      this.types.notSent += 1;
    } else {
      this.types[completion.type] += 1;
      this.service.add(doneMs - sentMs);
      if (outcomeClass === 'shed') this.phase.shed.add(doneMs - sentMs);
    }
    this.answers[outcomeClass] += 1;
    this.phase.answers[outcomeClass] += 1;
    second.answers[outcomeClass] += 1;
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    const { retryAfterS } = completion;
    if (retryAfterS !== undefined) {
      this.retryAfterS[retryAfterS] = (this.retryAfterS[retryAfterS] ?? 0) + 1;
    }
    second.outcomes[outcome] = (second.outcomes[outcome] ?? 0) + 1;
  }

  /** The name of the phase that is counted to. */
  get phaseName(): string {
    return this.phase.name;
  }

  /** The last second that is over; undefined within the first. */
  lastSecond(nowMs: number): SecondReport | undefined {
    this.secondAt(nowMs);
    return this.series.at(-2);
  }

  /** Seconds and phases up to now are complete; those in which nothing happened are among them. */
  end(nowMs: number): PhaseReport[] {
    this.secondAt(nowMs);
    this.completeSecond();
    return this.phases.map((phase, index) => {
      const toMs = this.phases[index + 1]?.fromMs ?? nowMs - this.startMs;
      const seconds = (toMs - phase.fromMs) / 1000;
      const { won, refused } = phase.answers;
      return {
        ...{ name: phase.name, fromS: phase.fromMs / 1000, seconds },
        ...{ asked: phase.asked, answers: phase.answers },
        decidedPerSecond: seconds > 0 ? (won + refused) / seconds : 0,
        latencyMs: phase.latency.percentiles(),
        decidedMs: phase.decided.percentiles(),
        shedMs: phase.shed.percentiles(),
      };
    });
  }

  private secondAt(ms: number): SecondReport {
    const wanted = Math.max(0, Math.floor((ms - this.startMs) / 1000));
    let last = this.series.at(-1);
    while (last === undefined || last.second < wanted) {
      this.completeSecond();
      last = {
        second: this.series.length,
        phase: this.phase.name,
        asked: 0,
        answers: noCounts(),
        outcomes: {},
        ...{ p50: 0, p99: 0, p999: 0 },
      };
      this.series.push(last);
    }
    return last;
  }

  private completeSecond(): void {
    const second = this.series.at(-1);
    if (second === undefined) return;
    second.p50 = this.currentSecond.percentileMs(50);
    second.p99 = this.currentSecond.percentileMs(99);
    second.p999 = this.currentSecond.percentileMs(99.9);
    this.currentSecond.clear();
  }
}

function noCounts(): ClassCounts {
  return { won: 0, refused: 0, shed: 0, unsent: 0, unknown: 0, other: 0 };
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { CompletedRequest } from './clients.ts';
import { classOf, type OutcomeClass } from './completion.ts';
import { Histogram, type Percentiles } from './histogram.ts';

/** The number of completions of each class. */
export type ClassCounts = Record<OutcomeClass, number>;

/** The figures of one second of the load. An answer counts in the second in which it arrives. */
export type SecondReport = {
  second: number;
  phase: string;
  /** Requests that were handed to the clients in this second, retries included. */
  asked: number;
  answers: ClassCounts;
  /** Claims that were answered with 202 in this second. They are among the answers when their tickets are final. */
  accepted: number;
  outcomes: Record<string, number>;
  p50: number;
  p99: number;
  p999: number;
};

/** The figures of one phase of the load. An answer counts in the phase in which it arrives. */
export type PhaseReport = {
  name: string;
  fromS: number;
  seconds: number;
  asked: number;
  answers: ClassCounts;
  /** Decisions a second: claims that were won, and refusals that the contract calls outcomes. */
  decidedPerSecond: number;
  /** From the planned time. */
  latencyMs: Percentiles;
  /** From the planned time, of decided requests. */
  decidedMs: Percentiles;
  /** From sending, of shed requests. */
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

/** Counts the requests and completions of a load, by second and by phase. */
export class Tally {
  /** From the planned time to the completion, whatever it is: no slow request is left out. */
  readonly latency = new Histogram();
  /** From the planned time to a 202. */
  readonly acceptance = new Histogram();
  /** From sending to the completion, for comparison. */
  readonly service = new Histogram();
  readonly answers = noCounts();
  readonly outcomes: Record<string, number> = {};
  /** The number of answers for each value of `Retry-After`, in seconds. */
  readonly retryAfterS: Record<string, number> = {};
  readonly types = { ok: 0, fail: 0, info: 0, notSent: 0 };
  readonly series: SecondReport[] = [];
  asked = 0;
  private readonly startMs: number;
  private readonly currentSecond = new Histogram();
  private readonly phases: Phase[] = [];
  private phase: Phase;

  /** `startMs` is the start of the load, by the clock of the clients. */
  constructor(startMs: number, phaseName: string) {
    this.startMs = startMs;
    this.phase = this.beginPhase(phaseName, startMs);
  }

  /** All later counts belong to this phase. */
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

  /** Counts a request. One that was planned for an earlier second counts in the present one. */
  addRequest(nowMs: number): void {
    this.asked += 1;
    this.phase.asked += 1;
    this.secondAt(nowMs).asked += 1;
  }

  /** Counts a claim that was answered with 202. */
  addAcceptance({ intendedMs, acceptedMs }: { intendedMs: number; acceptedMs: number }): void {
    this.acceptance.add(acceptedMs - intendedMs);
    this.secondAt(acceptedMs).accepted += 1;
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

  /** The name of the current phase. */
  get phaseName(): string {
    return this.phase.name;
  }

  /** The last complete second; undefined within the first. */
  lastSecond(nowMs: number): SecondReport | undefined {
    this.secondAt(nowMs);
    return this.series.at(-2);
  }

  /** Completes the seconds and phases up to now, including those without events. */
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
        accepted: 0,
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

// SPDX-License-Identifier: GPL-3.0-or-later
/** What the load programs of the bench share: the seconds that they measure, and their figures. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadFigures } from './load.ts';

/** How a load program begins, and how long it measures. */
export type Measuring = {
  /** The number of the first user. */
  firstUser: number;
  /** Seconds of the same load that are not measured, so that the program and the service are warm. */
  warmSeconds: number;
  seconds: number;
};

/** Counts the answers of a load program, and times those that arrive in the measured seconds. */
export class ClaimRecord {
  /** Claims that won, also outside of the measured seconds. */
  acknowledged = 0;
  isMeasuring = false;
  isOver = false;
  private latencies = new Float64Array(1 << 16);
  private answers = 0;
  private refused = 0;
  private lost = 0;
  private seconds = 0;
  private cpuSeconds = 0;

  /** Measures after the warm seconds. Resolves when the measured seconds are over. */
  async measure({ warmSeconds, seconds }: Measuring): Promise<void> {
    await sleep(warmSeconds * 1000);
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    this.isMeasuring = true;
    await sleep(seconds * 1000);
    this.isMeasuring = false;
    this.isOver = true;
    const { user, system } = process.cpuUsage(cpuBefore);
    this.cpuSeconds = (user + system) / 1e6;
    this.seconds = (performance.now() - startedMs) / 1000;
  }

  /** Adds an answer to a claim that was due at `sinceMs`. */
  add(outcome: string, sinceMs: number): void {
    if (outcome === 'claimed') this.acknowledged += 1;
    if (!this.isMeasuring) return;
    if (outcome === 'unknown') {
      this.lost += 1;
      return;
    }
    if (outcome !== 'claimed') this.refused += 1;
    if (this.answers === this.latencies.length) {
      const larger = new Float64Array(2 * this.answers);
      larger.set(this.latencies);
      this.latencies = larger;
    }
    this.latencies[this.answers] = performance.now() - sinceMs;
    this.answers += 1;
  }

  /** Counts claims that the program could not send. */
  addUnsent(count: number): void {
    if (this.isMeasuring) this.lost += count;
  }

  /** Prints the line that the bench reads. */
  print(more: Pick<LoadFigures, 'callMs' | 'bareFetchMs'> = {}): void {
    const sorted = this.latencies.subarray(0, this.answers).sort();
    const at = (share: number) =>
      sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? 0;
    const figures: LoadFigures = {
      ...{ answers: this.answers, seconds: this.seconds, not2xx: this.refused, lost: this.lost },
      ...{ p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) },
      ...{ acknowledged: this.acknowledged, cpuSeconds: this.cpuSeconds, ...more },
    };
    process.stdout.write(`RESULT ${JSON.stringify(figures)}\n`);
  }
}

/** Callers that each claim for another user as soon as they have an answer, until the measured seconds are over. */
export async function claimInLoop(
  callers: number,
  measuring: Measuring,
  record: ClaimRecord,
  claim: (user: number) => Promise<string>,
): Promise<void> {
  let next = measuring.firstUser;
  const call = async () => {
    while (!record.isOver) {
      const user = next;
      next += 1;
      const sinceMs = performance.now();
      record.add(await claim(user), sinceMs);
    }
  };
  await Promise.all([record.measure(measuring), ...Array.from({ length: callers }, call)]);
}

const tickMs = 1;

/**
 * Claims at a fixed rate, whatever the answers, and times each from the moment at which it was due. With more than
 * `underWayMax` claims under way it sends none, and counts those that are due as lost.
 */
export async function claimAtRate(
  { rate, underWayMax }: { rate: number; underWayMax: number },
  measuring: Measuring,
  record: ClaimRecord,
  claim: (user: number) => Promise<string>,
): Promise<void> {
  const startedMs = performance.now();
  const underWay = new Set<Promise<void>>();
  const measured = record.measure(measuring);
  let due = 0;
  const claimDue = () => {
    const until = Math.floor(((performance.now() - startedMs) / 1000) * rate);
    for (; due < until; due += 1) {
      if (underWay.size >= underWayMax) {
        record.addUnsent(1);
        continue;
      }
      const dueMs = startedMs + (due / rate) * 1000;
      const answered = claim(measuring.firstUser + due).then((outcome) => {
        record.add(outcome, dueMs);
        underWay.delete(answered);
      });
      underWay.add(answered);
    }
  };
  const timer = setInterval(claimDue, tickMs);
  await measured;
  clearInterval(timer);
  await Promise.all(underWay);
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { AuditOptions } from '../../src/proof/audit/options.ts';
import type { DrillReport } from '../../src/proof/drill/report.ts';
import type { FaultEvent } from '../../src/proof/history.ts';
import { lastFor } from '../support/last-for.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Rig } from './rig.ts';
import type { Seen } from './seen.ts';

/** What a run of a row is made with: a machine's worth of servers, and chance. */
export type Workshop = {
  /** A server of this run's own, in a folder of it, with settings besides those of the suite. */
  createServer(name: string, settings?: Record<string, string>): Promise<PostgresServer>;
  /** The folder of the run. */
  folder: string;
  /** Called at the end of the run, last first. */
  onEnd(undo: () => Promise<void>): void;
};

/** What a bound is checked against. */
export type Outcome = {
  rig: Rig;
  seen: readonly Seen[];
  report: DrillReport;
  faults: readonly FaultSpan[];
  /** Adds a figure to the line of the run. */
  note(figure: string): void;
};

/** What a row needs and this machine does not have. The run counts neither as passed nor as failed. */
export class SkipRow extends Error {
  override readonly name = 'SkipRow';
}

/** A fault from its beginning to its end, in milliseconds since the history's beginning. */
export type FaultSpan = { fault: string; fromMs: number; toMs: number };

/** One row of the failure table: what is broken how, under which load, and what must hold beyond the rules. */
export type FaultRow = {
  /** Its number in the table of `docs/guarantees.md`. */
  row: number;
  name: string;
  /** How many nodes serve; 2 unless said otherwise. */
  nodes?: number;
  /** Settings of the service besides those of the suite. */
  env?: Record<string, string>;
  /** Options of the drill besides those of the suite. */
  drill?: DrillArguments;
  /** How long the faults take at most, in seconds. */
  faultSeconds: number;
  /** Whether clients must have felt something; else the run must go without any sign of it. */
  isFelt: boolean;
  audit?: Partial<AuditOptions>;
  /** Makes a server of the run's own, where the row breaks more than a restart mends. */
  server?(workshop: Workshop): Promise<PostgresServer>;
  /** Changes the database of the run before the first node comes to it. */
  prepare?(place: Pick<Rig, 'server' | 'database'>): Promise<void>;
  /** Injects the faults, and ends when the last of them has ended. */
  inject(injection: Injection): Promise<void>;
  /** What does not hold beyond the rules; empty when all does. */
  check?(outcome: Outcome): string[] | Promise<string[]>;
};

/** The options of a drill that a row may choose. */
export type DrillArguments = {
  scenario?: string;
  rate?: number;
  units?: number;
  users?: number;
  connections?: number;
  timeoutMs?: number;
  /** Longer than the usual time before, during and after the faults. */
  seconds?: number;
  /** `overload` measures its own rate. */
  isRateMeasured?: boolean;
};

/** Chance that is the same for the same seed. */
export class Chance {
  private readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  /** Whether something of this probability happens. */
  happens(probability: number): boolean {
    return this.random() < probability;
  }

  /** A number from `min` to below `max`. */
  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  pick<One>(all: readonly One[]): One {
    const one = all[this.below(all.length)];
    if (one === undefined) throw new Error('there is nothing to pick from');
    return one;
  }
}

/** What a row works with while the load runs. */
export class Injection {
  readonly rig: Rig;
  readonly chance: Chance;
  readonly workshop: Workshop;
  /** The coupons of the drill. */
  readonly coupon: string;
  /** What was injected, by the wall clock. */
  readonly events: (Omit<FaultEvent, 't_ms'> & { atMs: number })[] = [];
  /** Whether the load and all its answers are over. */
  isDrillOver = false;
  private readonly row: number;

  constructor(options: {
    rig: Rig;
    chance: Chance;
    workshop: Workshop;
    coupon: string;
    row: number;
  }) {
    this.rig = options.rig;
    this.chance = options.chance;
    this.workshop = options.workshop;
    this.coupon = options.coupon;
    this.row = options.row;
  }

  /** Runs one fault from its beginning to its end, healed. */
  async fault(name: string, inject: () => Promise<void>): Promise<void> {
    const record = (phase: FaultEvent['phase']) =>
      this.events.push({ fault: name, phase, rows: [this.row], atMs: Date.now() });
    record('start');
    await inject();
    record('end');
  }

  pause(ms: number): Promise<void> {
    return lastFor(ms);
  }
}

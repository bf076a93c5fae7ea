// SPDX-License-Identifier: GPL-3.0-or-later
import type { AuditOptions } from '../../src/proof/audit/options.ts';
import type { DrillReport } from '../../src/proof/drill/report.ts';
import { lastFor } from '../support/last-for.ts';
import type { FaultSpan, TimedFault } from './fault-spans.ts';
import type { FaultScenario } from './loads.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Rig } from './rig.ts';
import type { Seen } from './seen.ts';
import type { RedisLayout } from './shared-redis.ts';

/** What a row may use to prepare its run. */
export type Workshop = {
  /** Creates a server for this run in its folder, with settings besides those of the suite. */
  createServer(name: string, settings?: Record<string, string>): Promise<PostgresServer>;
  /** The folder of the run. */
  folder: string;
  /** Registers a step for the end of the run. The last step runs first. */
  onEnd(undo: () => Promise<void>): void;
};

/** What a row checks after its run. */
export type Outcome = {
  scenario: FaultScenario;
  rig: Rig;
  seen: readonly Seen[];
  report: DrillReport;
  faults: readonly FaultSpan[];
  /** Adds a figure to the line of the run. */
  note(figure: string): void;
  /** Says what the row could not judge. A run that breaks nothing is then unknown. */
  lack(what: string): void;
};

/** Thrown by a row that needs what this machine does not have. The run is neither passed nor failed. */
export class SkipRow extends Error {
  override readonly name = 'SkipRow';
}

/** One row of the failure table: the injected faults, the load, and what must hold besides the rules of the audit. */
export type FaultRow = {
  /** Its number in the table of `docs/guarantees.md`. */
  row: number;
  name: string;
  /** What the drill plays, each in runs of its own; `mixed` by default. */
  scenarios?: readonly [FaultScenario, ...FaultScenario[]];
  /** The number of nodes; 2 by default. */
  nodes?: number;
  /** The Redis that its nodes share; none by default. */
  redis?: RedisLayout;
  /** It is also played with its claims going through the client of the package, in each way. */
  hasClientRuns?: true;
  /** Its claims wait in RabbitMQ. */
  isQueued?: true;
  /** Settings of the service besides those of the suite. */
  env?: Record<string, string>;
  /** Settings of one node, by its index. */
  envOf?(node: number): Record<string, string>;
  /** Options of the drill besides those of the suite. */
  drill?: DrillArguments;
  /** The longest time that the faults may take, in seconds. */
  faultSeconds: number;
  /** Whether clients must notice the faults. If false, no client may notice any. */
  isFelt: boolean;
  audit?: Partial<AuditOptions>;
  /** Creates a server for this run, if the row breaks more than a restart repairs. */
  server?(workshop: Workshop): Promise<PostgresServer>;
  /** The standby of this server, which the nodes have in their DATABASE_URL, too. */
  standby?(server: PostgresServer): PostgresServer;
  /** Changes the database of the run before the first node connects. */
  prepare?(place: Pick<Rig, 'server' | 'database'>): Promise<void>;
  /** Injects the faults, and ends when the last of them has ended. */
  inject(injection: Injection): Promise<void>;
  /** What differs where the row is played in little time. */
  brief?: Partial<Pick<FaultRow, 'drill' | 'faultSeconds' | 'inject'>>;
  /** Returns the violations that the rules of the audit do not cover. */
  check?(outcome: Outcome): string[] | Promise<string[]>;
};

/** The options of a drill that a row may choose. */
export type DrillArguments = {
  rate?: number;
  units?: number;
  users?: number;
  /** In `holds` and `redeem`, where `units` is not set: how many there are, as a share of the usual number; 1 by default. */
  unitsShare?: number;
  connections?: number;
  /** The header `Prefer` of all claims. */
  prefer?: string;
  /** How old a read may be that half of the readers accept, in seconds; undefined: all reads are fresh. */
  readMaxAgeS?: number;
  timeoutMs?: number;
  /** The length of the drill, if not the usual time before, during and after the faults. */
  seconds?: number;
  /** How long it goes on after the faults, in seconds, if not for the usual time. */
  secondsAfter?: number;
  /** `overload` measures its own rate. */
  isRateMeasured?: boolean;
};

/** Random choices that are the same for the same seed. */
export class Chance {
  private readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  /** Returns true with this probability. */
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

/** What a row uses while the load runs. */
export class Injection {
  readonly scenario: FaultScenario;
  readonly rig: Rig;
  readonly chance: Chance;
  readonly workshop: Workshop;
  /** The coupons of the drill. */
  readonly coupon: string;
  /** The injected faults, with times of the wall clock. */
  readonly events: TimedFault[] = [];
  /** Whether the load has ended and all requests are answered. */
  isDrillOver = false;
  private readonly row: number;

  constructor(options: {
    scenario: FaultScenario;
    rig: Rig;
    chance: Chance;
    workshop: Workshop;
    coupon: string;
    row: number;
  }) {
    this.scenario = options.scenario;
    this.rig = options.rig;
    this.chance = options.chance;
    this.workshop = options.workshop;
    this.coupon = options.coupon;
    this.row = options.row;
  }

  /** Records one fault from its start until `inject` has ended it. */
  async fault(name: string, inject: () => Promise<void>): Promise<void> {
    const record = (phase: TimedFault['phase']) =>
      this.events.push({ fault: name, phase, rows: [this.row], atMs: Date.now() });
    record('start');
    await inject();
    record('end');
  }

  pause(ms: number): Promise<void> {
    return lastFor(ms);
  }
}

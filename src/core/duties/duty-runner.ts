// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { HeldDuty } from './held-duty.ts';
import {
  DatabaseAwayError,
  type Duty,
  type DutyHolder,
  type DutyLeases,
  type DutyLog,
  type DutyName,
} from './ports.ts';

const tickMs = 1_000;
// A lasting problem is logged again after this time, so that the end of the log shows it.
const quietMs = 60_000;
// After this time without a successful read the holders count as unknown.
const knownMs = 5_000;
// A process that stops does not wait longer for the database. Without a release the lease runs out.
const stopMsMax = 1_000;

/**
 * Runs the duties of this process, each while it holds the lease. Every process that can run a duty volunteers for it; at
 * most one at a time has the lease. The process may be paused past the end of its lease without knowing: only the check
 * of the lease in each write is a guarantee, and what happens here is courtesy.
 */
export class DutyRunner {
  private readonly leases: DutyLeases;
  private readonly clock: Clock;
  private readonly log: DutyLog;
  private readonly duties: ReadonlyMap<DutyName, HeldDuty>;
  private known: { holders: DutyHolder[]; atMs: number } | undefined;
  private reportedMs: number | undefined;
  /** What is under way: the list, and one renewal for each duty. One that hangs holds up no other. */
  private readonly underWay = new Map<DutyName | 'list', Promise<void>>();
  private stopTicking: () => void = () => undefined;

  constructor(options: {
    leases: DutyLeases;
    /** The duties that this process can run; none in a process that only shows who runs them. */
    duties: readonly Duty[];
    clock: Clock;
    log: DutyLog;
  }) {
    const { leases, clock, log } = options;
    this.leases = leases;
    this.clock = clock;
    this.log = log;
    this.duties = new Map(
      options.duties.map((duty) => [duty.name, new HeldDuty({ duty, leases, clock, log })]),
    );
  }

  /** Begins to acquire leases. */
  start(): void {
    this.stopTicking = this.clock.every(tickMs, () => this.tick());
    this.tick();
  }

  /** All duties and who runs them, as of some moment in the last seconds; undefined while that is unknown. */
  holders(): readonly DutyHolder[] | undefined {
    const { known } = this;
    return known === undefined || this.clock.nowMs() - known.atMs > knownMs
      ? undefined
      : known.holders;
  }

  /** Whether a duty had something to do when the holders were last read. */
  isNeeded(name: DutyName): boolean {
    return this.known?.holders.find((holder) => holder.name === name)?.isNeeded === true;
  }

  /** The duties that this process can run, and whether it runs them now. */
  running(): { duty: DutyName; isRunning: boolean }[] {
    return [...this.duties].map(([duty, { isRunning }]) => ({ duty, isRunning }));
  }

  /** Ends all duties and gives the leases back, so that another node can go on at once. Never rejects. */
  async stop(): Promise<void> {
    this.stopTicking();
    const stopped = Promise.all([
      ...this.underWay.values(),
      ...[...this.duties.values()].map((duty) => duty.stop().catch((error) => this.report(error))),
    ]);
    await Promise.race([stopped, this.clock.sleep(stopMsMax)]);
  }

  private tick(): void {
    this.begin('list', () => this.listAndAcquire());
    for (const [name, duty] of this.duties) this.begin(name, () => duty.renew());
  }

  private begin(what: DutyName | 'list', work: () => Promise<void>): void {
    if (this.underWay.has(what)) return;
    const done = work()
      .catch((error) => this.report(error))
      .finally(() => this.underWay.delete(what));
    this.underWay.set(what, done);
  }

  private async listAndAcquire(): Promise<void> {
    const sentMs = this.clock.nowMs();
    const holders = await this.leases.list();
    this.known = { holders, atMs: sentMs };
    const free = holders.filter(({ node }) => node === null).map(({ name }) => name);
    await Promise.all(free.map((name) => this.duties.get(name)?.acquire()));
  }

  private report(error: unknown): void {
    if (error instanceof DatabaseAwayError) return;
    const nowMs = this.clock.nowMs();
    if (this.reportedMs !== undefined && nowMs - this.reportedMs < quietMs) return;
    this.reportedMs = nowMs;
    this.log.warn({ err: error }, 'the leases of the duties cannot be read or renewed');
  }
}

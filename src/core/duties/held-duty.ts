// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { type Duty, type DutyLeases, type DutyLog, type Lease, leaseMs } from './ports.ts';

/** A duty for which this process volunteers: it acquires the lease when that is free, and renews it. */
export class HeldDuty {
  private readonly duty: Duty;
  private readonly leases: DutyLeases;
  private readonly clock: Clock;
  private readonly log: DutyLog;
  private held: { lease: Lease; untilMs: number; end(): Promise<void> } | undefined;
  /** The end of the work under an earlier lease. */
  private ended: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(options: { duty: Duty; leases: DutyLeases; clock: Clock; log: DutyLog }) {
    this.duty = options.duty;
    this.leases = options.leases;
    this.clock = options.clock;
    this.log = options.log;
  }

  /** Whether this process runs the duty now. */
  get isRunning(): boolean {
    return this.held !== undefined;
  }

  /** Ends the work and gives the lease back. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const { held } = this;
    if (held === undefined) return;
    await this.end();
    await this.leases.release(held.lease);
  }

  /** Acquires the lease if it is free, and begins the work. Rejects when the database cannot do so. */
  async acquire(): Promise<void> {
    await this.ended;
    if (this.held !== undefined || this.isStopping || !this.canRun()) return;
    const sentMs = this.clock.nowMs();
    const lease = await this.leases.acquire(this.duty.name);
    if (lease === undefined) return;
    if (this.isStopping) {
      await this.leases.release(lease);
      return;
    }
    this.held = { lease, untilMs: sentMs + leaseMs, end: this.duty.begin(lease) };
    this.log.info({ duty: lease.duty, epoch: lease.epoch }, 'this process runs the duty now');
  }

  /**
   * Renews the lease, if this process has it; gives it back where it cannot do the work. Rejects when the database cannot do so; the work goes on until the lease has
   * run out on the clock of this process as well.
   */
  async renew(): Promise<void> {
    const { held } = this;
    if (held === undefined) return;
    if (!this.canRun()) {
      this.log.warn(
        { duty: held.lease.duty },
        'this process cannot run the duty, and another one may',
      );
      await this.end();
      await this.leases.release(held.lease);
      return;
    }
    const sentMs = this.clock.nowMs();
    let isHeld: boolean | undefined;
    try {
      isHeld = await this.leases.renew(held.lease);
      if (isHeld) held.untilMs = sentMs + leaseMs;
    } finally {
      const isLost = isHeld === false || this.clock.nowMs() >= held.untilMs;
      if (isLost && this.held === held) {
        this.log.warn(
          { duty: held.lease.duty, epoch: held.lease.epoch },
          'this process has lost the lease of the duty, and another one may run it',
        );
        await this.end();
      }
    }
  }

  private canRun(): boolean {
    return this.duty.canRun?.() ?? true;
  }

  private async end(): Promise<void> {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.ended = held.end();
    await this.ended;
  }
}

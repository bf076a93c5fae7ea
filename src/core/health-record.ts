// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from './clock.ts';
import { type Durability, durabilityLevels, type Health, type UnhealthyReason } from './health.ts';

/** What is known of the health without asking for it. */
export type HealthSeen = {
  reason: UnhealthyReason | undefined;
  /** The last level that the database has shown. */
  durability: Durability | undefined;
  /** How often the level has dropped since the start. */
  durabilityDrops: number;
};

// After an outage reads may succeed shortly before the next probe of a commit ends.
const loggedMsMin = 2_000;

/** Remembers the last health, and logs once when commits stall for two seconds, when the durability changes, and when that ends. */
export class HealthRecord {
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private reason: UnhealthyReason | undefined;
  private durability: Durability | undefined;
  private durabilityDrops = 0;
  private stalledSinceMs: number | undefined;
  private isStallLogged = false;

  constructor(options: {
    clock: Pick<Clock, 'nowMs'>;
    warn(event: Record<string, unknown>, message: string): void;
  }) {
    this.clock = options.clock;
    this.warn = options.warn;
  }

  observe({ reason, durability, healthy }: Health): void {
    this.reason = reason;
    this.observeCommits(reason === 'commits_stalled', healthy);
    if (durability !== undefined) this.observeDurability(durability);
  }

  seen(): HealthSeen {
    const { reason, durability, durabilityDrops } = this;
    return { reason, durability, durabilityDrops };
  }

  private observeCommits(isStalled: boolean, isHealthy: boolean): void {
    const nowMs = this.clock.nowMs();
    if (isStalled) {
      this.stalledSinceMs ??= nowMs;
      if (this.isStallLogged || nowMs - this.stalledSinceMs < loggedMsMin) return;
      this.isStallLogged = true;
      this.warn(
        {},
        'the database answers, but no commit succeeds: its synchronous standby or its disk does not confirm them',
      );
    } else if (isHealthy && this.stalledSinceMs !== undefined) {
      const stalledMs = Math.round(nowMs - this.stalledSinceMs);
      if (this.isStallLogged) this.warn({ stalledMs }, 'commits succeed again');
      this.stalledSinceMs = undefined;
      this.isStallLogged = false;
    }
  }

  private observeDurability(level: Durability): void {
    const before = this.durability;
    this.durability = level;
    if (before === undefined || before === level) return;
    const hasDropped = durabilityLevels.indexOf(level) > durabilityLevels.indexOf(before);
    if (hasDropped) this.durabilityDrops += 1;
    this.warn(
      { from: before, to: level },
      hasDropped
        ? 'the durability of the database has dropped: claims acknowledged from now on survive less'
        : 'the durability of the database is higher again',
    );
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { KnownView, KnownViews } from './known-views.ts';

// The shortest time between two refreshes of a coupon that is watched, and of one that is only read.
const watchedMsMin = 100;
const readMsMin = 500;
// A watched coupon is read this often without a change by this process: another one, or the time, may change it.
const watchedMsMax = 500;
const sharedWatchedMsMax = 1_000;
// A view that is read is refreshed when it has reached this share of the age that its readers accept. The share is random, so
// that one node comes first and the others get its view, and no reader waits.
const [agedShareMin, agedShareMax] = [0.75, 0.95];
// For readers who accept less, a refresh ahead comes too late.
const acceptedMsMin = 200;
// After this time without a read, changes no longer refresh a view.
const readLatelyMs = 10_000;

/** Decides which views are refreshed, each time it is asked. */
export class DueViews {
  private readonly options: {
    clock: Pick<Clock, 'nowMs'>;
    known: KnownViews;
    /** Whether other nodes share what they read. */
    isShared: boolean;
    /** A random number from 0 up to 1. */
    random(): number;
  };
  private agedShare = agedShareMax;

  constructor(options: DueViews['options']) {
    this.options = options;
  }

  /** Notes that a read has accepted this age of the known view. */
  read(known: KnownView, maxAgeMs: number, nowMs: number): void {
    known.readAtMs = nowMs;
    if (maxAgeMs < acceptedMsMin) return;
    if (known.acceptedAgeMs === undefined || maxAgeMs < known.acceptedAgeMs) {
      known.acceptedAgeMs = maxAgeMs;
    }
  }

  /** Those that someone watches, wants or has read lately. */
  interesting(): KnownView[] {
    const { clock, known, random } = this.options;
    this.agedShare = agedShareMin + (agedShareMax - agedShareMin) * random();
    const nowMs = clock.nowMs();
    return [...known.all()].filter(
      ({ watchers, readAtMs, wantedUntilMs }) =>
        watchers.size > 0 || wantedUntilMs > nowMs || readAtMs > nowMs - readLatelyMs,
    );
  }

  /** Those of them that are too old, or soon will be. */
  old(interesting: readonly KnownView[]): KnownView[] {
    return interesting.filter((known) => this.isSilent(known) || this.isAged(known));
  }

  /** Those of them that are to be read now: the old ones, and those that this process has changed. */
  now(interesting: readonly KnownView[]): KnownView[] {
    return interesting.filter(
      (known) => this.isChanged(known) || this.isSilent(known) || this.isAged(known),
    );
  }

  /** Whether a change by this process may be missing in the view. */
  private isChanged(known: KnownView): boolean {
    const { changedAtMs, refreshedAtMs, wantedUntilMs, watchers } = known;
    if (changedAtMs === undefined) return false;
    const nowMs = this.options.clock.nowMs();
    const isWatched = watchers.size > 0 || wantedUntilMs > nowMs;
    if (nowMs - refreshedAtMs < (isWatched ? watchedMsMin : readMsMin)) return false;
    return changedAtMs >= this.afterMsOf(known);
  }

  /** Whether a watched coupon has had no view for a while. */
  private isSilent(known: KnownView): boolean {
    if (known.watchers.size === 0) return false;
    const nowMs = this.options.clock.nowMs();
    const msMax = this.options.isShared ? sharedWatchedMsMax : watchedMsMax;
    // Not at every tick while the database cannot be read.
    return nowMs - this.afterMsOf(known) >= msMax && nowMs - known.refreshedAtMs >= watchedMsMax;
  }

  /** Whether a view that was read is soon too old for its readers. */
  private isAged(known: KnownView): boolean {
    const { acceptedAgeMs, refreshedAtMs } = known;
    if (acceptedAgeMs === undefined) return false;
    const nowMs = this.options.clock.nowMs();
    const isAged = nowMs - this.afterMsOf(known) >= acceptedAgeMs * this.agedShare;
    // Not at every tick while the database cannot be read.
    return isAged && nowMs - refreshedAtMs >= acceptedAgeMs / 2;
  }

  /** When the snapshot was taken at the earliest. */
  private afterMsOf(known: KnownView): number {
    return this.options.known.viewOf(known)?.afterMs ?? Number.NEGATIVE_INFINITY;
  }
}

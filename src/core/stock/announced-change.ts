// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { announcementWaitMs } from './snapshot-ttl.ts';

/** The database has announced the change instead of making it. Send `announcement` with the next attempt. */
export type Announced = { announcement: string };

/** What an announced change needs. */
export type AnnouncedChangeOptions = {
  clock: Clock;
  /** Aborts when the service stops. Changes that still wait are then rejected. */
  stopping: AbortSignal;
};

// Changes of one coupon delay each other only while each change's units sell out before the next attempt.
const changeMsMax = 10_000;

/**
 * Makes a change that puts units back on sale. Every such change of a sold-out coupon goes through here: it is
 * announced, then it waits until no stock snapshot from before the announcement is valid, and then it is made. So no
 * process refuses a claim from its sold-out cache while there are units.
 *
 * `attempt` sends the change to the database, with the last announcement. The database announces again if the coupon
 * has sold out once more in the meantime. `wait` resolves when all snapshots from before an announcement have expired.
 * Rejects with `unavailable`, with nothing changed, when this takes more than ten seconds or the service stops.
 */
export async function makeAnnouncedChange<Result>(
  attempt: (announcement: string | undefined) => Promise<Result | Announced>,
  { clock, stopping }: AnnouncedChangeOptions,
  wait: (announcement: string) => Promise<void> = () => clock.sleep(announcementWaitMs, stopping),
): Promise<Exclude<Result, Announced>> {
  const deadlineMs = clock.nowMs() + changeMsMax;
  let announcement: string | undefined;
  for (;;) {
    const result = await attempt(announcement);
    if (!isAnnounced(result)) return result as Exclude<Result, Announced>;
    announcement = result.announcement;
    if (clock.nowMs() + announcementWaitMs > deadlineMs) {
      throw unavailable('the coupon sells out again and again before this change can be made');
    }
    // The wait starts when the answer arrives: the announcement was committed before.
    await wait(announcement);
    if (stopping.aborted) throw unavailable('the service is stopping');
  }
}

function isAnnounced(result: unknown): result is Announced {
  return typeof result === 'object' && result !== null && 'announcement' in result;
}

function unavailable(detail: string): AppError {
  return new AppError('unavailable', { detail });
}

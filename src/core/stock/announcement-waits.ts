// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import type { AnnouncedChangeOptions } from './announced-change.ts';
import { announcementWaitMs } from './snapshot-ttl.ts';

/**
 * The waits of this process for announcements. Changes with the same announcement share the wait of the first: the
 * announcement was committed before its wait began. So they are sent again at the same moment, go in one batch and are
 * all made under one announcement. Sent one by one, each would find that the unit of the one before it is claimed, and
 * wait anew.
 */
export class AnnouncementWaits {
  private readonly options: AnnouncedChangeOptions & { waitingMax: number };
  private readonly waits = new Map<string, Promise<void>>();
  private waiting = 0;

  /** `waitingMax` is how many changes may wait; one more gets `overloaded`. */
  constructor(options: AnnouncedChangeOptions & { waitingMax: number }) {
    this.options = options;
  }

  /** Resolves when no stock snapshot from before this announcement is valid, or when the service stops. */
  async wait(couponName: string, announcement: string): Promise<void> {
    const { clock, stopping, waitingMax } = this.options;
    if (this.waiting >= waitingMax) {
      throw new AppError('overloaded', { detail: 'too many changes are waiting' });
    }
    const key = JSON.stringify([couponName, announcement]);
    let wait = this.waits.get(key);
    if (wait === undefined) {
      wait = clock.sleep(announcementWaitMs, stopping).finally(() => this.waits.delete(key));
      this.waits.set(key, wait);
    }
    this.waiting += 1;
    await wait.finally(() => {
      this.waiting -= 1;
    });
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { AnnouncementWaits } from './announcement-waits.ts';
import { announcementWaitMs } from './snapshot-ttl.ts';

function setup(waitingMax = 10) {
  const clock = new FixedClock();
  const stopping = new AbortController();
  const waits = new AnnouncementWaits({ clock, stopping: stopping.signal, waitingMax });
  const ended: string[] = [];
  const wait = (name: string, couponName: string, announcement: string) => {
    waits.wait(couponName, announcement).then(
      () => ended.push(`${name} at ${clock.nowMs()}`),
      (error: { code: string }) => ended.push(`${name}: ${error.code}`),
    );
  };
  return { clock, stopping, wait, ended };
}

describe('the waits for announcements', () => {
  it('end together for one announcement, after the wait of the first', async () => {
    const { clock, wait, ended } = setup();
    wait('first', 'C', '5');
    await clock.advance(300);
    wait('second', 'C', '5');
    await clock.advance(1_000);
    expect(ended).toEqual([`first at ${announcementWaitMs}`, `second at ${announcementWaitMs}`]);
  });

  it('are separate for another coupon, another announcement, and one that is waited for again', async () => {
    const { clock, wait, ended } = setup();
    wait('one', 'C', '5');
    await clock.advance(100);
    wait('other coupon', 'D', '5');
    wait('other announcement', 'C', '6');
    await clock.advance(announcementWaitMs - 100);
    wait('again', 'C', '5');
    await clock.advance(1_000);
    expect(ended).toEqual([
      `one at ${announcementWaitMs}`,
      `other coupon at ${announcementWaitMs + 100}`,
      `other announcement at ${announcementWaitMs + 100}`,
      `again at ${2 * announcementWaitMs}`,
    ]);
  });

  it('are refused beyond waitingMax, until one of them has ended', async () => {
    const { clock, wait, ended } = setup(2);
    for (const name of ['one', 'two', 'three']) wait(name, 'C', '5');
    await flushPromises();
    expect(ended).toEqual(['three: overloaded']);
    await clock.advance(announcementWaitMs);
    wait('four', 'C', '6');
    await clock.advance(announcementWaitMs);
    expect(ended.at(-1)).toBe(`four at ${2 * announcementWaitMs}`);
  });

  it('end at once when the service stops', async () => {
    const { clock, stopping, wait, ended } = setup();
    wait('one', 'C', '5');
    stopping.abort();
    await flushPromises();
    expect(ended).toEqual(['one at 0']);
    expect(clock.pending).toBe(0);
  });
});

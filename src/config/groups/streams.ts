// SPDX-License-Identifier: GPL-3.0-or-later
import { wholeNumber } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of live stock. */
export const streamsGroup = {
  heading: 'Live stock',
  introduction: 'Server-sent events with the stock of a coupon, for pages that show it live.',
  settings: {
    streams: {
      openMax: wholeNumber({
        variable: 'EVENT_STREAMS_MAX',
        default: 5_000,
        min: 0,
        max: 1_000_000,
        help: 'Event streams that a process has open at once; one more is refused. 0: none are served.',
      }),
      writesPerSecondMax: wholeNumber({
        variable: 'EVENT_WRITES_PER_SECOND_MAX',
        default: 2_000,
        min: 1,
        max: 1_000_000,
        help: 'Events written per second to all streams of a process. With more streams each gets fewer.',
      }),
    },
  },
} satisfies SettingGroup;

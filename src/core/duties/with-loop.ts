// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duty } from './ports.ts';
import { type Repeated, repeat } from './repeat.ts';

/** Adds work to a duty, which is repeated as long as the duty runs: beside the work of the duty, which may take long. */
export function withLoop(duty: Duty, loop: Omit<Repeated, 'signal'>): Duty {
  return {
    name: duty.name,
    begin(lease) {
      const stopping = new AbortController();
      const endDuty = duty.begin(lease);
      const ended = repeat({ ...loop, signal: stopping.signal });
      return async () => {
        stopping.abort();
        await Promise.all([endDuty(), ended]);
      };
    },
  };
}

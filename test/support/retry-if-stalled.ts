// SPDX-License-Identifier: GPL-3.0-or-later
import { lagMsLimit } from '../../src/proof/drill/report.ts';

const triesMax = 5;
const tickMs = 10;

/**
 * Runs a test that depends on real time. If it fails while this process stalled for longer than the lag that a drill
 * tolerates, it runs again, a few times at most. A failure without a stall is final.
 */
export async function retryIfStalled(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    let lastMs = performance.now();
    let longestMs = 0;
    const tick = () => {
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - lastMs - tickMs);
      lastMs = nowMs;
    };
    const ticking = setInterval(tick, tickMs);
    try {
      return await attempt();
    } catch (error) {
      tick();
      if (longestMs <= lagMsLimit || tries === triesMax) throw error;
    } finally {
      clearInterval(ticking);
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { lagMsLimit } from '../../src/proof/drill/report.ts';

const triesMax = 5;
const tickMs = 10;

/**
 * For what a test can say only of time as it went by: when it fails though this process stood still meanwhile, for longer
 * than a drill takes its own figures for the service's, it is tried again. What fails while nothing stood still fails.
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

// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets a fault, or a client's pause between two requests, last for a time. Not for a test that expects something to have
 * happened by then: it uses `waitFor`.
 */
export function lastFor(ms: number): Promise<void> {
  return delay(ms);
}

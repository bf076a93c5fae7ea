// SPDX-License-Identifier: GPL-3.0-or-later
import { systemClock } from '../adapters/system/clock.ts';
import { outliveTerminal } from './terminal.ts';

// A terminal sends its signal to npm and to the service, and npm sends it on: these are one wish, not two.
const secondSignalAfterMs = 1000;

/**
 * Resolves, and aborts, at the first SIGINT, SIGTERM or SIGHUP; a later SIGINT or SIGTERM ends the process at once. A
 * terminal that closes may send SIGHUP several times, and nobody is in a hurry behind that. That nohup wants it ignored
 * cannot be told: Node sets all signals back before our code runs, so without this the first would end the process.
 */
export function onFirstSignal(): { stopped: Promise<void>; signal: AbortSignal } {
  outliveTerminal();
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (name: NodeJS.Signals) => {
      const nowMs = systemClock.nowMs();
      if (firstMs === undefined) {
        firstMs = nowMs;
        stopping.abort();
        resolve();
      } else if (name !== 'SIGHUP' && nowMs - firstMs > secondSignalAfterMs) {
        process.exit(name === 'SIGINT' ? 130 : 143);
      }
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  });
  return { stopped, signal: stopping.signal };
}

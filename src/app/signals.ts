// SPDX-License-Identifier: GPL-3.0-or-later
/** What signals mean: SIGINT and SIGTERM stop; SIGHUP stops with the terminal, and asks to read again without one. */
import { systemClock } from '../adapters/system/clock.ts';
import { outliveTerminal } from './terminal.ts';

/** Why a process stops. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The signals of this process. */
export type Signals = {
  /** Resolves at the first signal that stops. */
  stopped: Promise<StopSignal>;
  /** Aborts at the same time. */
  signal: AbortSignal;
  /** From now on this is called at each SIGHUP that does not stop, and at once if one has come already. */
  onReload(reload: () => void): void;
};

// A terminal sends its signal to npm and to the service, and npm sends it on: these are one wish, not two.
const secondSignalAfterMs = 1000;

/**
 * Listens to the signals. After the first that stops, a later SIGINT or SIGTERM ends the process at once; a SIGHUP does
 * not, since a terminal that closes may send several. nohup cannot make Node ignore SIGHUP, but it takes the terminal
 * away, so that SIGHUP does not stop. Where nothing `reloads`, SIGHUP stops in any case.
 */
export function listenToSignals({ reloads }: { reloads: boolean }): Signals {
  const { hasTerminal } = outliveTerminal();
  const stopping = new AbortController();
  let reload: (() => void) | undefined;
  let isReloadDue = false;
  const stopped = new Promise<StopSignal>((resolve) => {
    let firstMs: number | undefined;
    const onStop = (name: StopSignal) => {
      const nowMs = systemClock.nowMs();
      if (firstMs === undefined) {
        firstMs = nowMs;
        stopping.abort();
        resolve(name);
      } else if (name !== 'SIGHUP' && nowMs - firstMs >= secondSignalAfterMs) {
        process.exit(name === 'SIGINT' ? 130 : 143);
      }
    };
    process.on('SIGINT', () => onStop('SIGINT'));
    process.on('SIGTERM', () => onStop('SIGTERM'));
    process.on('SIGHUP', () => {
      if (hasTerminal || !reloads) onStop('SIGHUP');
      else if (reload === undefined) isReloadDue = true;
      else reload();
    });
  });
  return {
    stopped,
    signal: stopping.signal,
    onReload(given) {
      reload = given;
      if (isReloadDue) given();
      isReloadDue = false;
    },
  };
}

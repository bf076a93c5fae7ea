// SPDX-License-Identifier: GPL-3.0-or-later
/** Signals: SIGINT and SIGTERM stop. SIGHUP stops a process with a terminal, and makes others read the API keys again. */
import { systemClock } from '../adapters/system/clock.ts';
import { outliveTerminal } from './terminal.ts';

/** Why a process stops. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The signals of this process. */
export type Signals = {
  /** Resolves at the first signal that stops the process. */
  stopped: Promise<StopSignal>;
  /** Aborts at the same time. */
  signal: AbortSignal;
  /** Sets the function for each SIGHUP that does not stop. Calls it at once if one has come already. */
  onReload(reload: () => void): void;
};

// A terminal signals both npm and the service, and npm forwards the signal: these two are one request to stop.
const secondSignalAfterMs = 1000;

/**
 * Handles the signals. After the first one that stops, a later SIGINT or SIGTERM ends the process at once. A later SIGHUP
 * does not, since a closing terminal may send several. Under nohup a process has no terminal, so SIGHUP does not stop it.
 * Without `reloads`, SIGHUP always stops.
 */
export function listenToSignals({ reloads }: { reloads: boolean }): Signals {
  const { hasTerminal } = outliveTerminal();
  const stopping = new AbortController();
  let reload: (() => void) | undefined;
  let isReloadDue = false;
  const stopped = new Promise<StopSignal>((resolve) => {
    const effectOf = stopSignalEffects(systemClock.nowMs);
    const onStop = (name: StopSignal) => {
      const effect = effectOf(name);
      if (effect === 'stop') {
        stopping.abort();
        resolve(name);
      } else if (effect === 'exit') {
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

/** Returns a function that decides for each signal: stop, exit at once, or ignore it during a stop. */
export function stopSignalEffects(
  nowMs: () => number,
): (name: StopSignal) => 'stop' | 'exit' | 'none' {
  let firstMs: number | undefined;
  return (name) => {
    if (firstMs === undefined) {
      firstMs = nowMs();
      return 'stop';
    }
    return name !== 'SIGHUP' && nowMs() - firstMs >= secondSignalAfterMs ? 'exit' : 'none';
  };
}

// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { stopSignalEffects } from './signals.ts';

/** The effects of signals that arrive at these times. */
function effectsAt(signals: [ms: number, name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'][]): string[] {
  let nowMs = 0;
  const effectOf = stopSignalEffects(() => nowMs);
  return signals.map(([ms, name]) => {
    nowMs = ms;
    return effectOf(name);
  });
}

describe('signals that stop the process', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('stops at the first %s', (name) => {
    expect(effectsAt([[5, name]])).toEqual(['stop']);
  });

  it('takes two signals within a second for one, as npm forwards that of a terminal', () => {
    expect(
      effectsAt([
        [5, 'SIGINT'],
        [5, 'SIGINT'],
        [1_004, 'SIGTERM'],
      ]),
    ).toEqual([...['stop', 'none', 'none']]);
  });

  it('exits at once at a SIGINT or SIGTERM a second or more after the first signal', () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      expect(
        effectsAt([
          [5, 'SIGHUP'],
          [1_005, name],
        ]),
      ).toEqual(['stop', 'exit']);
    }
  });

  it('never exits at a later SIGHUP, of which a closing terminal may send several', () => {
    expect(
      effectsAt([
        [5, 'SIGHUP'],
        [1_005, 'SIGHUP'],
        [60_000, 'SIGHUP'],
      ]),
    ).toEqual([...['stop', 'none', 'none']]);
  });
});

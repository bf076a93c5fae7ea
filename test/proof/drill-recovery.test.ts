// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/proof/drill/histogram.ts';
import { recoveryOf } from '../../src/proof/drill/report.ts';

describe('recovery from an overload', () => {
  const noAnswers = { won: 0, refused: 0, shed: 0, unsent: 0, unknown: 0, other: 0 };
  type Second = [asked: number, won: number, more?: Partial<typeof noAnswers>];
  /** The overload ends in the middle of the second second; arrivals end after `quietS` more. */
  const recoveryIn = (seconds: Second[], quietS = 5.5, peak = 100) => {
    const series = seconds.map(([asked, won, more], second) => ({
      ...{ second, phase: '', asked, accepted: 0, outcomes: {}, p50: 0, p99: 0, p999: 0 },
      answers: { ...noAnswers, won, ...more },
    }));
    const none = new Histogram().percentiles();
    const phase = (name: string, fromS: number, length: number) => ({
      ...{ name, fromS, seconds: length, asked: 0, answers: noAnswers, decidedPerSecond: 0 },
      ...{ latencyMs: none, decidedMs: none, shedMs: none },
    });
    const phases = [phase('10 times', 0, 1.5), phase('quiet', 1.5, quietS)];
    return recoveryOf(phases, series, peak);
  };
  const overload: Second[] = [
    [1000, 100, { shed: 900 }],
    [600, 95, { shed: 500 }],
  ];

  it('sees recovery at once while the service decides all that is possible, even if it sheds retries', () => {
    const crowd: Second[] = [
      [500, 100, { shed: 400 }],
      [300, 91, { shed: 210 }],
      [50, 60],
    ];
    expect(recoveryIn([...overload, ...crowd])).toEqual({
      ...{ recoveredAfterS: 0, turnedAwayUntilS: 2.5 },
    });
  });

  it('sees recovery after the last second with too few decisions', () => {
    const { recoveredAfterS } = recoveryIn([...overload, [500, 20], [50, 50], [50, 44], [50, 50]]);
    expect(recoveredAfterS).toBe(3.5);
  });

  it('counts refusals that are decisions towards recovery', () => {
    expect(recoveryIn([...overload, [50, 0, { refused: 50 }]]).recoveredAfterS).toBe(0);
  });

  it('expects no more decisions than requests in the second before, which may be decided late', () => {
    // The second wave arrives at the end of its second, and is decided in the next one.
    const waves: Second[] = [
      [40, 100],
      [400, 38],
      [30, 100],
    ];
    expect(recoveryIn([...overload, ...waves]).recoveredAfterS).toBe(0);
  });

  it('judges recovery by whole seconds between the end of the overload and the end of the arrivals', () => {
    // The second in which the overload ends, and the one in which the arrivals end.
    const seconds: Second[] = [
      [1000, 100],
      [600, 10],
      [50, 50],
      [50, 2],
      [3, 1],
    ];
    expect(recoveryIn(seconds, 1.6).recoveredAfterS).toBe(0);
    expect(recoveryIn(seconds, 2.5).recoveredAfterS).toBe(2.5);
  });

  it('sees no recovery until the end when nothing is decided', () => {
    const dead = Array.from({ length: 5 }, (): Second => [50, 0, { unknown: 50 }]);
    expect(recoveryIn([...overload, ...dead])).toEqual({
      ...{ recoveredAfterS: 5.5, turnedAwayUntilS: 5.5 },
    });
  });

  it('reports no recovery for a load without an overload', () => {
    expect(recoveryOf([], [], 100)).toEqual({});
  });
});

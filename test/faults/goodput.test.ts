// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import type { FaultSpan } from './fault-spans.ts';
import { goodputKept } from './goodput.ts';
import type { Seen } from './seen.ts';

const fault = { fault: 'Redis frozen', fromMs: 5_000, toMs: 9_000 };

/** Ten seconds with a claim each 10 ms. */
function claims(of: (begunMs: number) => Partial<Seen>): Seen[] {
  return Array.from({ length: 1_000 }, (_, index) => {
    const begunMs = index * 10;
    return {
      ...{ f: 'claim', node: 'http://127.0.0.1:1', coupon: 'sale', user: `u-${index}`, begunMs },
      ...{ endMs: begunMs + 5, type: 'ok', http: 201, outcome: 'claimed', claimId: undefined },
      ...of(begunMs),
    };
  });
}

const isIn = (ms: number) => ms >= fault.fromMs && ms < fault.toMs;

/** The violations, the figures, and what could not be judged. */
function judge(seen: readonly Seen[], faults: readonly FaultSpan[] = [fault]) {
  const [figures, lacks]: [string[], string[]] = [[], []];
  const note = (figure: string) => figures.push(figure);
  const broken = goodputKept({ seen, faults, note, lack: (what) => lacks.push(what) });
  return { broken, figures, lacks };
}

it('accepts a fault that no claim feels', () => {
  expect(judge(claims(() => ({})))).toEqual({
    ...{ broken: [], lacks: [] },
    figures: ['Redis frozen: goodput 1.00, median wait 5 ms, before 5 ms'],
  });
});

it('accepts that one of fifty claims fails, and that claims wait 50 ms', () => {
  const seen = claims((ms) => ({
    ...(isIn(ms) && { endMs: ms + 55 }),
    ...(isIn(ms) && ms % 500 === 0 && { type: 'fail', outcome: 'refused' }),
  }));
  expect(judge(seen).broken).toEqual([]);
});

it.each([
  ['are refused', { type: 'fail', http: 503, outcome: 'overloaded' }],
  ['have no known outcome', { type: 'info', http: undefined, outcome: 'timeout' }],
  ['are never answered', { type: undefined, outcome: undefined, endMs: Number.POSITIVE_INFINITY }],
] as const)('finds that a fifth of the claims %s', (_, answer) => {
  const seen = claims((ms) => (isIn(ms) && ms % 50 === 0 ? answer : {}));
  expect(judge(seen).broken).toEqual(['goodput of claims fell to 0.80 during "Redis frozen"']);
});

it('finds claims that are answered too late', () => {
  const seen = claims((ms) => (isIn(ms) ? { endMs: ms + 1_200 } : {}));
  expect(judge(seen).broken).toEqual([
    'goodput of claims fell to 0.00 during "Redis frozen"',
    'half of the claims waited 1200 ms or more, before 5 ms, during "Redis frozen"',
  ]);
});

it('finds claims that wait for Redis', () => {
  const seen = claims((ms) => (isIn(ms) ? { endMs: ms + 300 } : {}));
  expect(judge(seen).broken).toEqual([
    'half of the claims waited 300 ms or more, before 5 ms, during "Redis frozen"',
  ]);
});

it.each([
  [[], 'no second before a fault has enough claims to compare with'],
  [[{ ...fault, fromMs: 500 }], 'no second before a fault has enough claims to compare with'],
  [[{ ...fault, toMs: 5_900 }], 'no second of "Redis frozen" has enough claims to compare'],
])('judges nothing without seconds to compare: %j', (faults, lack) => {
  expect(
    judge(
      claims(() => ({})),
      faults,
    ),
  ).toEqual({ broken: [], figures: [], lacks: [lack] });
});

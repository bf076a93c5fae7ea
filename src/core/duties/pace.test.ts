// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { createPace } from './pace.ts';

function setUp({ isLimited = true } = {}) {
  const clock = new FixedClock();
  const load = { isLimited };
  const pace = createPace({ clock, isLimited: () => load.isLimited, msEach: 10 });
  const begun: [name: string, atMs: number][] = [];
  const controller = new AbortController();
  const begin = (name: string, count: number) =>
    void pace.turn(controller.signal).then(() => {
      begun.push([name, clock.nowMs()]);
      pace.addToTurn(count - 1);
    });
  return { clock, load, begun, begin, stop: () => controller.abort() };
}

it('work begins at once while its rate is not limited', async () => {
  const { begun, begin } = setUp({ isLimited: false });
  for (const name of ['a', 'b', 'c']) begin(name, 1_000);
  await flushPromises();
  expect(begun.map(([name]) => name)).toEqual(['a', 'b', 'c']);
});

it('work with a limited rate begins in turn, each after the time of those before', async () => {
  const { clock, begun, begin } = setUp();
  begin('a', 20);
  begin('b', 1);
  begin('c', 30);
  await clock.advance(1_000);
  expect(begun).toEqual([
    ['a', 0],
    ['b', 200],
    ['c', 210],
  ]);
  begin('d', 1);
  await flushPromises();
  expect(begun.at(-1)).toEqual(['d', 1_000]);
});

it('a turn in which nothing begins takes the time of one piece', async () => {
  const { clock, begun, begin } = setUp();
  begin('a', 0);
  begin('b', 1);
  await clock.advance(1_000);
  expect(begun).toEqual([
    ['a', 0],
    ['b', 10],
  ]);
});

it('what begins while the rate is not limited takes no time of what begins later', async () => {
  const { clock, load, begun, begin } = setUp({ isLimited: false });
  begin('a', 1_000);
  await flushPromises();
  load.isLimited = true;
  begin('b', 1);
  await clock.advance(100);
  expect(begun).toEqual([
    ['a', 0],
    ['b', 0],
  ]);
});

it('what waits begins soon after the end of the limit', async () => {
  const { clock, load, begun, begin } = setUp();
  begin('a', 10_000);
  begin('b', 1);
  begin('c', 1);
  await clock.advance(1_000);
  load.isLimited = false;
  await clock.advance(50);
  expect(begun.map(([name]) => name)).toEqual(['a', 'b', 'c']);
});

it('nothing waits after the signal has aborted', async () => {
  const { clock, begun, begin, stop } = setUp();
  begin('a', 10_000);
  begin('b', 1);
  await clock.advance(100);
  stop();
  await flushPromises();
  expect(begun).toEqual([
    ['a', 0],
    ['b', 100],
  ]);
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../test/support/fixed-clock.ts';
import { CommitWatch } from './commit-watch.ts';

type Probe = { sentMs: number; answer(isCommitted: boolean): void; fail(): void };

let clock: FixedClock;
let probes: Probe[];
let watch: CommitWatch;

beforeEach(() => {
  clock = new FixedClock();
  probes = [];
  watch = new CommitWatch({
    clock,
    probe: () =>
      new Promise((resolve, reject) => {
        probes.push({
          sentMs: clock.nowMs(),
          answer: resolve,
          fail: () => reject(new Error('the connection broke')),
        });
      }),
  });
});

afterEach(() => watch.stop());

/** Advances until a probe is sent, at most ten seconds. */
async function nextProbe(): Promise<Probe> {
  const before = probes.length;
  for (let ms = 0; probes.length === before && ms < 10_000; ms += 100) await clock.advance(100);
  const probe = probes[before];
  if (probe === undefined) throw new Error('there was no further probe');
  return probe;
}

/** The result of a check that is asked for now; undefined while it waits. */
async function checkNow(): Promise<boolean | undefined> {
  let result: boolean | undefined;
  void watch.check().then((value) => {
    result = value;
  });
  await flushPromises();
  return result;
}

describe('a commit watch', () => {
  it('sends its first probe when it is asked, and answers with its result', async () => {
    const check = watch.check();
    expect(probes).toHaveLength(1);
    probes[0]?.answer(true);
    expect(await check).toBe(true);
  });

  it('sends one probe for any number of callers, and at most one in a second', async () => {
    const checks = Array.from({ length: 1000 }, () => watch.check());
    probes[0]?.answer(true);
    expect((await Promise.all(checks)).every(Boolean)).toBe(true);
    for (let ms = 0; ms < 10_000; ms += 10) {
      void watch.check();
      await clock.advance(10);
      for (const probe of probes) probe.answer(true);
    }
    expect(probes.length).toBeGreaterThanOrEqual(9);
    const gaps = probes.slice(1).map(({ sentMs }, index) => sentMs - (probes[index]?.sentMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
  });

  it('sends no probe while decisions commit', async () => {
    for (let ms = 0; ms < 5_000; ms += 500) {
      watch.committed();
      expect(await watch.check()).toBe(true);
      await clock.advance(500);
    }
    expect(probes).toHaveLength(0);
  });

  it('finds out two seconds after the last commit that nothing commits, and while nobody asks', async () => {
    watch.committed();
    await clock.advance(2_000);
    expect(await checkNow()).toBe(false);
  });

  it('gives the first probe five seconds, since it opens a connection', async () => {
    const first = await nextProbe();
    await clock.advance(4_900);
    const check = watch.check();
    first.answer(true);
    expect(await check).toBe(true);
  });

  it('sends no further probe while one hangs, and answers at once meanwhile', async () => {
    watch.committed();
    const hung = await nextProbe();
    await clock.advance(1_000);
    for (let second = 0; second < 10; second += 1) {
      await clock.advance(1_000);
      expect(await checkNow()).toBe(false);
    }
    expect(probes).toHaveLength(1);
    hung.fail();
    await flushPromises();
    expect(await nextProbe()).toBeDefined();
  });

  it('counts a probe that committed late from its answer on', async () => {
    watch.committed();
    const late = await nextProbe();
    await clock.advance(5_000);
    expect(await checkNow()).toBe(false);
    late.answer(true);
    await flushPromises();
    expect(await checkNow()).toBe(true);
  });

  it.each([
    ['has failed', (probe: Probe) => probe.fail()],
    ['found that its predecessor hangs', (probe: Probe) => probe.answer(false)],
  ])('says no for the rest of the second after a probe that %s', async (_, end) => {
    end(await nextProbe());
    await flushPromises();
    expect(await checkNow()).toBe(false);
    await clock.advance(800);
    expect(await checkNow()).toBe(false);
    expect(probes).toHaveLength(1);
  });

  it('counts a decision that commits while a probe hangs', async () => {
    watch.committed();
    await nextProbe();
    await clock.advance(3_000);
    watch.committed();
    expect(await checkNow()).toBe(true);
  });

  it.each([true, false])(
    'asks a probe while a batch waits for longer than two seconds, whatever else commits (it commits: %s)',
    async (isCommitted) => {
      const answered = watch.sent();
      for (let ms = 0; ms < 1_900; ms += 100) {
        watch.sent()();
        watch.committed();
        expect(await checkNow()).toBe(true);
        await clock.advance(100);
      }
      expect(probes).toHaveLength(0);
      watch.committed();
      await clock.advance(100);
      expect(probes).toHaveLength(1);
      probes[0]?.answer(isCommitted);
      watch.committed();
      expect(await checkNow()).toBe(isCommitted);
      answered();
      watch.committed();
      expect(await checkNow()).toBe(true);
    },
  );

  it('says no for three seconds after a write that the server could not store, whatever commits', async () => {
    watch.committed();
    watch.writeFailed();
    expect(await checkNow()).toBe(false);
    await clock.advance(2_900);
    watch.committed();
    expect(await checkNow()).toBe(false);
    await clock.advance(100);
    expect(await checkNow()).toBe(true);
  });

  it('reads an answer that arrived during a pause of the process before it calls it late', async () => {
    const paused = await nextProbe();
    const check = watch.check();
    const endTurn = clock.holdTurn();
    await clock.advance(30_000);
    paused.answer(true);
    await flushPromises();
    endTurn();
    expect(await check).toBe(true);
  });
});

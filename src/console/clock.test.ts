// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { ServerClock, type TimeSource } from './clock.ts';

const noon = Date.parse('2030-01-31T12:00:00Z');

/** A page whose clock runs faster by `drift` than the one of a service, where it is noon when the page begins. */
function setup({ drift = 0 } = {}) {
  let trueMs = 0;
  let stepMs = 0;
  const pageMs = () => 5_000 + trueMs * (1 + drift);
  const clock = new ServerClock(pageMs);
  return {
    clock,
    pass: (ms: number) => {
      trueMs += ms;
    },
    /** Somebody sets the clock of the service. */
    step: (ms: number) => {
      stepMs += ms;
    },
    /** A request of this time, whose answer has the time of the service after the first part of it. */
    request: (ms: number, part: number, { off = 0, ...options }: Answer = {}) => {
      const sentAtMs = pageMs();
      trueMs += ms * part;
      const serverMs = noon + trueMs + stepMs + off;
      trueMs += ms * (1 - part);
      clock.observe(serverMs, { sentAtMs, source: 'database', ...options });
    },
    errorMs: () => Math.abs((clock.read()?.serverMs ?? Number.NaN) - (noon + trueMs + stepMs)),
  };
}

type Answer = { off?: number; source?: TimeSource; errorMs?: number };

describe('the clock of the service', () => {
  it('is unknown before an answer', () => {
    expect(setup().clock.read()).toBeUndefined();
  });

  it.each([0, 0.3, 1])('is off by half a round trip at most (%d)', (part) => {
    const page = setup();
    page.request(200, part);
    expect(page.errorMs()).toBeLessThanOrEqual(100);
    expect(page.clock.read()?.errorMs).toBe(100);
  });

  it('keeps the most exact answer', () => {
    const page = setup();
    page.request(20, 1);
    for (const part of [0, 1]) page.request(2_000, part);
    expect(page.errorMs()).toBeCloseTo(10);
    page.request(4, 0);
    expect(page.errorMs()).toBeCloseTo(2);
  });

  it('is never off by more than it says, while the computer drifts by 100 ppm for a day', () => {
    const page = setup({ drift: 100e-6 });
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      page.request(minute % 7 === 0 ? 10 : 300, minute % 2);
      expect(page.errorMs()).toBeLessThanOrEqual(page.clock.read()?.errorMs ?? 0);
      expect(page.errorMs()).toBeLessThan(160);
      page.pass(60_000);
    }
  });

  it.each([600_000, -600_000, 700])('follows when it is set by %d ms', (ms) => {
    const page = setup();
    page.request(20, 0.5);
    page.step(ms);
    page.request(300, 0.5);
    expect(page.errorMs()).toBeLessThanOrEqual(150);
  });

  it('is the one of the database, though a node goes wrong', () => {
    const page = setup();
    page.request(20, 0.5, { source: 'node', off: 5_000, errorMs: 500 });
    expect(page.errorMs()).toBeCloseTo(5_000);
    for (let second = 0; second < 120; second += 1) {
      page.request(20, 0.5);
      page.request(20, 0.5, { source: 'node', off: 5_000, errorMs: 500 });
      expect(page.errorMs()).toBeLessThanOrEqual(10);
      page.pass(1_000);
    }
  });

  it('is the one of a node where the database has said nothing for a minute', () => {
    const page = setup();
    page.request(20, 0.5);
    page.step(90_000);
    page.pass(59_000);
    page.request(20, 0.5, { source: 'node', errorMs: 500 });
    expect(page.errorMs()).toBeCloseTo(90_000);
    page.pass(1_000);
    page.request(20, 0.5, { source: 'node', errorMs: 500 });
    expect(page.errorMs()).toBeLessThanOrEqual(510);
  });
});

// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Clients, type CompletedRequest } from '../../src/proof/drill/clients.ts';
import { HistoryWriter } from '../../src/proof/drill/history-writer.ts';
import { Load } from '../../src/proof/drill/load.ts';
import type { Arrival } from '../../src/proof/drill/plan.ts';
import type { ServiceRequest } from '../../src/proof/drill/request.ts';
import type { PlannedRetry } from '../../src/proof/drill/scenario.ts';
import { Tally } from '../../src/proof/drill/tally.ts';
import { flawsOf, readHistory } from '../support/drill-history.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const body = '{"claim_id":"a","position":1,"claimed_at":"now"}';
const won = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const claim: ServiceRequest = { f: 'claim', coupon: 'c', user: 'u', key: 'k', attempt: 1 };
// Longer than this process may stall: no request times out unless the test lets so much time pass.
const timeoutMs = 60_000;

/** Answers each request as the test says; undefined leaves it without an answer. */
async function listen(answer: (socket: Socket, count: number) => string | undefined) {
  let count = 0;
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      count += 1;
      const text = answer(socket, count);
      if (text !== undefined) socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  cleanUps.push(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close, sockets, connections: () => connections, requests: () => count };
}

/** A URL where no server listens, and none can start: the port is the local end of a connection. */
async function closedUrl(): Promise<string> {
  const { url } = await listen(() => undefined);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  cleanUps.push(() => socket.destroy());
  await once(socket, 'connect');
  return `http://127.0.0.1:${socket.localPort}`;
}

/** Clients and their clock. The clock runs or is frozen; either way `pass` advances it at once. */
function setUp(url: string, more: { connections?: number; isFrozen?: boolean } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-drill-clients-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'history.jsonl');
  const { isFrozen = false, ...sizes } = more;
  const startMs = performance.now();
  let passedMs = 0;
  const now = () => passedMs + (isFrozen ? 0 : performance.now() - startMs);
  const pass = (ms: number) => {
    passedMs += ms;
  };
  const head = { history: 'firstcome', version: 1, scenario: '', seed: 1, nodes: [url] } as never;
  const history = new HistoryWriter(file, head, now);
  const onTicket = () => undefined;
  const common = { urls: [url], connections: 1, timeoutMs, recorder: history, now, onTicket };
  const options = { ...common, ...sizes };
  const clients = new Clients(options);
  cleanUps.push(() => clients.close());
  const send = (lateMs = 0) =>
    new Promise<CompletedRequest>((resolve) => {
      clients.send({ node: 0, request: claim, intendedMs: now() - lateMs, onDone: resolve });
    });
  const events = () => {
    history.open();
    history.close();
    return readHistory(file).events;
  };
  return { clients, history, send, events, now, pass };
}

function loadOn(
  { clients, now }: ReturnType<typeof setUp>,
  more: { retries?: PlannedRetry[]; signal?: AbortSignal; isTimeBound?: boolean } = {},
) {
  const tally = new Tally(now(), 'load');
  const { retries = [], signal = new AbortController().signal, isTimeBound = false } = more;
  const retryPolicy = () => retries.splice(0);
  const rest = { retryPolicy, now, signal, isTimeBound, onCompleted: () => undefined };
  const load = new Load({ clients, tally, ...rest });
  return { load, tally };
}

const everyMs = (gapMs: number, count: number): Arrival[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ atMs: index * gapMs, phase: 0 },
    requests: [{ node: 0, request: { ...claim, user: `u${index}`, key: `k${index}` } }],
  }));

describe('a client', () => {
  it('sends one request at a time on a connection that stays open', async () => {
    const server = await listen(() => won);
    const { send, events } = setUp(server.url);
    const done = await Promise.all([send(), send(), send()]);
    expect(done.map(({ completion }) => completion.outcome)).toEqual(Array(3).fill('claimed'));
    expect(server.connections()).toBe(1);
    const history = events();
    expect(history.map(({ type }) => type)).toEqual([
      'invoke',
      'ok',
      'invoke',
      'ok',
      'invoke',
      'ok',
    ]);
    expect(new Set(history.map(({ proc }) => proc)).size).toBe(1);
  });

  it('reads an answer that has arrived while the process was paused until after the timeout', async () => {
    const server = await listen((socket) => {
      socket.write(won);
      setup.pass(2 * timeoutMs);
      // Longer than the time between two looks for late requests.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
      return undefined;
    });
    const setup = setUp(server.url, { isFrozen: true });
    expect((await setup.send()).completion.outcome).toBe('claimed');
  });

  it('records an unknown outcome when the connection breaks, and continues under a new number', async () => {
    const server = await listen((socket, count) => {
      if (count === 1) socket.destroy();
      return won;
    });
    const { send, events } = setUp(server.url);
    expect((await send()).completion).toEqual({
      type: 'info',
      outcome: 'reset',
      effect: 'unknown',
    });
    expect((await send()).completion.type).toBe('ok');
    const history = events();
    expect(history.map(({ proc }) => proc)).toEqual([0, 0, 1, 1]);
    expect(flawsOf(history)).toEqual([]);
  });

  it('records that nothing was sent where no server listens', async () => {
    const { send, events } = setUp(await closedUrl());
    const { completion } = await send();
    expect(completion).toEqual({ type: 'fail', outcome: 'refused', effect: 'none' });
    await send();
    expect(events().map(({ proc, type }) => [proc, type])).toEqual([
      ...[
        [0, 'invoke'],
        [0, 'fail'],
        [0, 'invoke'],
        [0, 'fail'],
      ],
    ]);
  });

  it('drops a connection on which no answer arrives in time', async () => {
    const server = await listen((_, count) => (count === 1 ? undefined : won));
    const { send, events, pass } = setUp(server.url);
    const pending = send();
    await expect.poll(() => server.requests()).toBeGreaterThanOrEqual(1);
    pass(timeoutMs);
    const { completion, sentMs = 0, doneMs } = await pending;
    expect(completion).toMatchObject({ type: 'info', outcome: 'timeout' });
    expect(doneMs - sentMs).toBeGreaterThanOrEqual(timeoutMs);
    expect((await send()).completion.type).toBe('ok');
    expect(server.connections()).toBe(2);
    expect(events().map(({ proc }) => proc)).toEqual([0, 0, 1, 1]);
  });

  it('never takes a late answer for that of the next request', async () => {
    const waiting: Socket[] = [];
    const server = await listen((socket, count) => {
      if (count > 1) return `HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}`;
      waiting.push(socket);
      return undefined;
    });
    const { send, pass } = setUp(server.url);
    const late = send();
    await expect.poll(() => server.requests()).toBeGreaterThanOrEqual(1);
    pass(timeoutMs);
    expect((await late).completion.outcome).toBe('timeout');
    waiting[0]?.write(won);
    expect((await send()).completion.http).toBe(400);
  });

  it('reports why it cannot read an answer', async () => {
    const server = await listen((_, count) =>
      count === 1 ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' : won,
    );
    const { send } = setUp(server.url);
    const outcome = 'unreadable_transfer_encoding';
    expect((await send()).completion).toEqual({ type: 'info', outcome, effect: 'unknown' });
    expect((await send()).completion.type).toBe('ok');
    expect(server.connections()).toBe(2);
  });

  it('opens at most 256 connections ahead, and uses those first', async () => {
    const server = await listen(() => won);
    const { clients, send } = setUp(server.url, { connections: 300 });
    await clients.open();
    await expect.poll(() => server.connections()).toBeGreaterThanOrEqual(256);
    await Promise.all(Array.from({ length: 256 }, () => send()));
    expect(server.connections()).toBe(256);
    await Promise.all(Array.from({ length: 300 }, () => send()));
    expect(server.connections()).toBe(300);
  });

  it('reopens an idle connection that the server closed', async () => {
    const server = await listen(() => won);
    const { send } = setUp(server.url);
    await send();
    const closed = [...server.sockets].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    );
    for (const socket of server.sockets) socket.end();
    await Promise.all(closed);
    expect((await send()).completion.type).toBe('ok');
    expect(server.connections()).toBe(2);
  });

  it('times out requests that wait for a connection, and keeps them out of the history', async () => {
    const server = await listen(() => undefined);
    const { send, events, clients, pass } = setUp(server.url);
    const pending = [send(), send(5)];
    expect([clients.underWay, clients.waiting]).toEqual([1, 1]);
    await expect.poll(() => server.requests()).toBeGreaterThanOrEqual(1);
    pass(timeoutMs);
    const [first, second] = await Promise.all(pending);
    expect(first?.completion.outcome).toBe('timeout');
    expect(second?.completion.outcome).toBe('not_sent');
    expect(second?.sentMs).toBeUndefined();
    expect([clients.underWay, clients.waiting]).toEqual([0, 0]);
    expect(events()).toHaveLength(2);
  });
});

describe('the open loop', () => {
  it('counts latency from the planned time while the service stalls', async () => {
    const held: Socket[] = [];
    let isStalled = true;
    const server = await listen((socket) => {
      if (!isStalled) return won;
      held.push(socket);
      return undefined;
    });
    const setup = setUp(server.url, { isFrozen: true });
    const { load, tally } = loadOn(setup);
    const running = load.runOpenLoop(everyMs(10, 30).values(), [], () => undefined);
    await expect.poll(() => held.length).toBeGreaterThanOrEqual(1);
    // Thirty arrive while the only connection waits for 300 ms; then all are answered at once.
    setup.pass(300);
    await running;
    isStalled = false;
    for (const socket of held) socket.write(won);
    await load.whenIdle();
    expect(tally.latency.count).toBe(30);
    expect(tally.latency.percentileMs(100)).toBe(300);
    const median = tally.latency.percentileMs(50);
    expect(median).toBeGreaterThanOrEqual(150);
    expect(median).toBeLessThanOrEqual(160);
    expect(tally.service.percentileMs(100)).toBe(300);
    expect(tally.service.percentileMs(50)).toBe(0);
  });

  it('sends requests at their planned time, even while earlier ones are unanswered', async () => {
    const server = await listen(() => undefined);
    const setup = setUp(server.url, { connections: 50 });
    const { load, tally } = loadOn(setup);
    const beforeMs = setup.now();
    await load.runOpenLoop(everyMs(4, 50).values(), [], () => undefined);
    expect(setup.now() - beforeMs).toBeGreaterThanOrEqual(4 * 49);
    expect(tally.asked).toBe(50);
    expect(tally.types).toEqual({ ok: 0, fail: 0, info: 0, notSent: 0 });
    await expect.poll(() => server.requests()).toBeGreaterThanOrEqual(50);
    setup.pass(timeoutMs);
    await load.whenIdle();
    expect(tally.types).toEqual({ ok: 0, fail: 0, info: 50, notSent: 0 });
  });

  it('measures its own lag', async () => {
    const server = await listen(() => won);
    const setup = setUp(server.url, { isFrozen: true });
    const { load } = loadOn(setup);
    const running = load.runOpenLoop(everyMs(1, 20).values(), [], () => undefined);
    setup.pass(130);
    await running;
    await load.whenIdle();
    // The first was on time.
    expect(load.lagMsMax).toBe(129);
    expect(load.takeLagMs()).toBe(129);
    expect(load.takeLagMs()).toBe(0);
  });

  it('skips and counts arrivals that are over a second late where the scenario is time-bound', async () => {
    const server = await listen(() => won);
    const setup = setUp(server.url, { isFrozen: true });
    const { load, tally } = loadOn(setup, { isTimeBound: true });
    const running = load.runOpenLoop(everyMs(10, 15).values(), [], () => undefined);
    setup.pass(1080);
    await running;
    await load.whenIdle();
    // Those of 10 to 70 ms; the one of 80 is exactly a second late, which is allowed.
    expect(load.leftOut).toBe(7);
    expect(tally.asked).toBe(8);
  });

  it('is not idle while retries are planned', async () => {
    const server = await listen(() => won);
    const retry = { node: 0, request: { ...claim, attempt: 2 }, delayMs: 50 };
    const { load, tally } = loadOn(setUp(server.url), { retries: [retry, { ...retry }] });
    await load.runOpenLoop(everyMs(1, 1).values(), [], () => undefined);
    await load.whenIdle();
    expect(tally.asked).toBe(3);
    expect(tally.types.ok).toBe(3);
  });

  it('sends a retry in place of an arrival where the rate includes retries', async () => {
    const server = await listen(() => won);
    const setup = setUp(server.url, { isFrozen: true });
    const again = { node: 0, request: { ...claim, attempt: 2 }, delayMs: 1 };
    const { load, tally } = loadOn(setup, { retries: [again, { ...again }] });
    const phases = [
      { name: '10 times', seconds: 1, fromRate: 1, toRate: 1, rateIncludesRetries: true },
    ];
    const running = load.runOpenLoop(everyMs(100, 5).values(), phases, () => undefined);
    await expect.poll(() => tally.types.ok).toBeGreaterThanOrEqual(1);
    setup.pass(400);
    await running;
    await load.whenIdle();
    expect(tally.asked).toBe(5);
    const sent = setup.events().filter(({ type }) => type === 'invoke');
    expect(sent.map(({ user, attempt }) => [user, attempt])).toEqual([
      ['u0', 1],
      // Both of them were due before the next arrival.
      ['u', 2],
      ['u', 2],
      ['u3', 1],
      ['u4', 1],
    ]);
  });

  it('sends the remaining retries on top of the rate when the overload ends', async () => {
    const server = await listen(() => won);
    const setup = setUp(server.url, { isFrozen: true });
    const again = { node: 0, request: { ...claim, attempt: 2 }, delayMs: 1 };
    const { load, tally } = loadOn(setup, { retries: [again, { ...again }, { ...again }] });
    const phase = (rateIncludesRetries: boolean) => ({
      ...{ name: '', seconds: 1, fromRate: 1, toRate: 1, rateIncludesRetries },
    });
    const [first, second, ...others] = everyMs(100, 4);
    const plan = [first, second, ...others.map((one) => one && { ...one, phase: 1 })];
    const isArrival = (one: Arrival | undefined): one is Arrival => one !== undefined;
    const running = load.runOpenLoop(
      plan.filter(isArrival).values(),
      [phase(true), phase(false)],
      () => undefined,
    );
    // All requests so far are answered before the next arrival.
    for (const answered of [1, 2, 5]) {
      await expect.poll(() => tally.types.ok).toBeGreaterThanOrEqual(answered);
      setup.pass(100);
    }
    await running;
    await load.whenIdle();
    // One replaced the second arrival, and the others replaced none.
    expect(tally.asked).toBe(4 + 3 - 1);
    const attempts = setup.events().filter(({ type }) => type === 'invoke');
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2, 2, 1]);
  });

  it('ends at once on an abort, and waits for the requests under way', async () => {
    const held: Socket[] = [];
    const server = await listen((socket) => {
      held.push(socket);
      return undefined;
    });
    const controller = new AbortController();
    const setup = setUp(server.url);
    const { load, tally } = loadOn(setup, { signal: controller.signal });
    const running = load.runOpenLoop(everyMs(5, 10_000).values(), [], () => undefined);
    await expect.poll(() => server.requests()).toBeGreaterThanOrEqual(1);
    await expect.poll(() => setup.clients.waiting).toBeGreaterThan(2);
    controller.abort();
    await running;
    expect(tally.types.ok).toBe(0);
    held[0]?.write(won);
    await load.whenIdle();
    expect(tally.types.ok).toBe(1);
    expect(tally.types.notSent).toBe(tally.asked - 1);
    expect(tally.types.notSent).toBeGreaterThan(2);
    expect(flawsOf(setup.events())).toEqual([]);
  });
});

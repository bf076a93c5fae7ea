// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { acceptedBeyond, Connections } from './connections.ts';

type Response = EventEmitter & { req: { complete: boolean }; headersSent: boolean };

/** A connection as the server sees it, moved by the test. */
class Client extends EventEmitter {
  bytesRead = 0;
  writable = true;
  isClosed = false;
  _httpMessage: Response | null = null;
  shouldKeepAlive = true;

  setTimeout(): this {
    return this;
  }

  destroy(): this {
    if (!this.isClosed) {
      this.isClosed = true;
      this.writable = false;
      this.emit('close');
    }
    return this;
  }
}

let server: EventEmitter;
let connections: Connections;
let nowMs: number;
let late: unknown[];

function start(max: number): void {
  server = new EventEmitter();
  nowMs = 0;
  late = [];
  connections = new Connections({
    ...{ max, silentTimeoutMs: 1000, nowMs: () => nowMs, warn: () => undefined },
    answerSlow: (socket: Socket) => late.push(socket),
  });
  connections.watch(server as unknown as Server);
}

function open(): Client {
  const client = new Client();
  server.emit('connection', client);
  return client;
}

function ask(client: Client, options: { complete?: boolean } = {}): Client {
  const response = Object.assign(new EventEmitter(), {
    ...{ req: { complete: options.complete ?? true }, headersSent: false, shouldKeepAlive: true },
  });
  client.bytesRead += 100;
  client._httpMessage = response;
  server.emit('request', { socket: client }, response);
  client.shouldKeepAlive = response.shouldKeepAlive;
  return client;
}

function answer(client: Client): Client {
  const response = client._httpMessage;
  client._httpMessage = null;
  if (!client.shouldKeepAlive) client.destroy();
  response?.emit('finish');
  return client;
}

const openIdle = () => answer(ask(open()));
const times = <Value>(count: number, make: () => Value) => Array.from({ length: count }, make);
const closedAmong = (clients: Client[]) => clients.map(({ isClosed }) => isClosed);

describe('the limit of connections', () => {
  beforeEach(() => start(10));

  it('closes the connection that was answered longest ago, not the one that is oldest', () => {
    const idle = times(9, openIdle);
    answer(ask(idle[0] as Client));
    nowMs += 1;
    const newest = open();
    expect(closedAmong([...idle, newest]).indexOf(true)).toBe(1);
    expect(connections.state()).toMatchObject({ open: 9, idle: 8, closed: { idle: 1 } });
  });

  it('closes a silent one that has waited longer than the idle ones, but not in its first second', () => {
    const silent = open();
    nowMs += 1;
    const idle = times(8, openIdle);
    nowMs += 998;
    open();
    expect(closedAmong([silent, ...idle])).toEqual([false, true, ...times(7, () => false)]);
    nowMs += 1;
    open();
    expect(silent.isClosed).toBe(true);
    expect(connections.state().closed).toMatchObject({ idle: 1, silent: 1 });
  });

  it('counts how long one waits from its answer on, not from its request', () => {
    const busy = times(8, () => ask(open()));
    nowMs += 1000;
    const silent = open();
    nowMs += 1000;
    for (const client of busy) answer(client);
    open();
    expect(closedAmong([silent, ...busy])).toEqual([true, ...times(8, () => false)]);
  });

  it('does not treat a connection as idle on which the next request has begun', () => {
    const begun = openIdle();
    begun.bytesRead += 1;
    const idle = times(8, openIdle);
    open();
    expect(closedAmong([begun, ...idle])).toEqual([false, true, ...times(7, () => false)]);
    expect(answer(ask(begun)).isClosed).toBe(false);
  });

  it('ends the connection with its answer while nine tenths have a request under way', () => {
    const busy = times(9, () => ask(open()));
    expect(connections.isNearLimit).toBe(false);
    busy.push(ask(open()));
    expect(connections.isNearLimit).toBe(true);
    answer(busy[0] as Client);
    expect(connections.isNearLimit).toBe(false);
  });

  it('is kept by ending a request that takes longer than a second to arrive', () => {
    const slow = ask(open(), { complete: false });
    const silentStart = open();
    silentStart.bytesRead = 1;
    const busy = times(8, () => ask(open()));
    nowMs += 999;
    const early = open();
    expect(late).toEqual([]);
    expect(ask(early).shouldKeepAlive).toBe(false);
    nowMs += 1;
    open();
    expect(late).toEqual([slow]);
    expect(slow.isClosed).toBe(true);
    open();
    // It was seen to have begun only when room was looked for.
    nowMs += 1000;
    for (let tries = 0; !silentStart.isClosed && tries < 4; tries += 1) open();
    expect(late).toContain(silentStart);
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('cuts off no answer, however long it takes', () => {
    const streaming = ask(open(), { complete: false });
    if (streaming._httpMessage) streaming._httpMessage.headersSent = true;
    const busy = [streaming, ...times(9, () => ask(open()))];
    nowMs += 60_000;
    times(100, open);
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('closes a silent one sooner for a new one at the limit', () => {
    const busy = times(9, () => ask(open()));
    const silent = open();
    nowMs += 99;
    expect(ask(open()).shouldKeepAlive).toBe(false);
    nowMs += 1;
    expect(ask(open()).shouldKeepAlive).toBe(true);
    expect(closedAmong([silent, ...busy])).toEqual([true, ...busy.map(() => false)]);
  });

  it('accepts the newest beyond it, and closes the oldest without a request', () => {
    const busy = times(10, () => ask(open()));
    const beyond = times(acceptedBeyond(10), open);
    const monitor = open();
    expect(closedAmong(beyond).indexOf(true)).toBe(0);
    expect(ask(monitor).shouldKeepAlive).toBe(false);
    busy[0]?.destroy();
    expect(ask(beyond[1] as Client).shouldKeepAlive).toBe(true);
    expect(connections.state().closed).toMatchObject({ dropped: 1, idle: 0, silent: 0, slow: 0 });
  });
});

describe('whatever clients do', () => {
  type Step = {
    what: 'open' | 'ask' | 'body' | 'byte' | 'answer' | 'leave';
    who: number;
    ms: number;
  };

  function play({ what, who, ms }: Step, clients: Client[]): void {
    nowMs += ms;
    if (what === 'open') {
      clients.push(open());
      return;
    }
    const client = clients[who % Math.max(1, clients.length)];
    if (client === undefined || client.isClosed) return;
    const underWay = client._httpMessage;
    if (what === 'leave') client.destroy();
    else if (what === 'byte' && underWay === null) client.bytesRead += 1;
    else if (what === 'ask' && underWay === null) ask(client, { complete: who % 2 === 0 });
    else if (what === 'body' && underWay !== null) underWay.req.complete = true;
    else if (what === 'answer' && underWay?.req.complete) answer(client);
  }

  it('no more are open than may be, none is closed while it is answered, and the count is true', () => {
    const step = fc.record({
      what: fc.constantFrom<Step['what']>('open', 'open', 'ask', 'body', 'byte', 'answer', 'leave'),
      who: fc.nat(200),
      ms: fc.constantFrom(0, 1, 300, 1500),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 400 }),
        (max, steps) => {
          start(max);
          const clients: Client[] = [];
          for (const one of steps) {
            const answered = clients.filter(
              (client) => !client.isClosed && client._httpMessage?.req.complete,
            );
            play(one, clients);
            const leaves = one.what === 'leave' || one.what === 'answer';
            if (!leaves) expect(closedAmong(answered)).toEqual(answered.map(() => false));
            const openNow = clients.filter(({ isClosed }) => !isClosed);
            const idle = openNow.filter(
              ({ _httpMessage, bytesRead }) => !_httpMessage && bytesRead,
            );
            const state = connections.state();
            expect(state.open).toBe(openNow.length);
            expect(state.open).toBeLessThanOrEqual(max + acceptedBeyond(max));
            expect(state.idle).toBeLessThanOrEqual(Math.min(idle.length, Math.max(1, max * 0.9)));
          }
          for (const client of clients) client.destroy();
          expect(connections.state()).toMatchObject({ open: 0, idle: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });
});

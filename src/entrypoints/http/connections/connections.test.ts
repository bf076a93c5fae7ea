// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import {
  closedAmong,
  type FakeClient,
  FakeServer,
  times,
} from '../../../../test/support/fake-connections.ts';
import { acceptedBeyond } from './connections.ts';

let server: FakeServer;

describe('the limit of connections', () => {
  beforeEach(() => (server = new FakeServer(10)));

  it('closes the connection that was answered longest ago, not the one that is oldest', () => {
    const idle = times(9, () => server.openIdle());
    server.answer(server.ask(idle[0] as FakeClient));
    server.nowMs += 1;
    const newest = server.open();
    expect(closedAmong([...idle, newest]).indexOf(true)).toBe(1);
    expect(server.connections.state()).toMatchObject({ open: 9, idle: 8, closed: { idle: 1 } });
  });

  it('closes a silent one that has waited longer than the idle ones, but not in its first second', () => {
    const silent = server.open();
    server.nowMs += 1;
    const idle = times(8, () => server.openIdle());
    server.nowMs += 998;
    server.open();
    expect(closedAmong([silent, ...idle])).toEqual([false, true, ...times(7, () => false)]);
    server.nowMs += 1;
    server.open();
    expect(silent.isClosed).toBe(true);
    expect(server.connections.state().closed).toMatchObject({ idle: 1, silent: 1 });
  });

  it('counts how long one waits from its answer on, not from its request', () => {
    const busy = times(8, () => server.openBusy());
    server.nowMs += 1000;
    const silent = server.open();
    server.nowMs += 1000;
    for (const client of busy) server.answer(client);
    server.open();
    expect(closedAmong([silent, ...busy])).toEqual([true, ...times(8, () => false)]);
  });

  it('does not treat a connection as idle on which the next request has begun', () => {
    const begun = server.openIdle();
    begun.bytesRead += 1;
    const idle = times(8, () => server.openIdle());
    server.open();
    expect(closedAmong([begun, ...idle])).toEqual([false, true, ...times(7, () => false)]);
    expect(server.answer(server.ask(begun)).isClosed).toBe(false);
  });

  it('ends the connection with its answer while nine tenths have a request under way', () => {
    const busy = times(9, () => server.openBusy());
    expect(server.connections.isNearLimit).toBe(false);
    busy.push(server.openBusy());
    expect(server.connections.isNearLimit).toBe(true);
    server.answer(busy[0] as FakeClient);
    expect(server.connections.isNearLimit).toBe(false);
  });

  it('is kept by ending a request that takes longer than a second to arrive', () => {
    const slow = server.ask(server.open(), { complete: false });
    const silentStart = server.open();
    silentStart.bytesRead = 1;
    const busy = times(8, () => server.openBusy());
    server.nowMs += 999;
    const early = server.open();
    expect(server.late).toEqual([]);
    expect(server.ask(early).shouldKeepAlive).toBe(false);
    server.nowMs += 1;
    server.open();
    expect(server.late).toEqual([slow]);
    expect(slow.isClosed).toBe(true);
    server.open();
    // It was seen to have begun only when room was looked for.
    server.nowMs += 1000;
    for (let tries = 0; !silentStart.isClosed && tries < 4; tries += 1) server.open();
    expect(server.late).toContain(silentStart);
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('closes no connection whose request arrives in the same turn as another is opened', () => {
    const idle = times(9, () => server.openIdle());
    server.nowMs += 5000;
    server.openInTurn();
    server.ask(idle[0] as FakeClient);
    server.endTurn();
    expect(closedAmong(idle)).toEqual(idle.map((_, index) => index === 1));
  });

  it('closes no connection for silence before what it has sent could be read', () => {
    const busy = times(9, () => server.openBusy());
    const silent = server.openInTurn();
    const another = server.openInTurn();
    // The turn took this long.
    server.nowMs += 5000;
    server.endTurn();
    expect(closedAmong([...busy, silent, another])).not.toContain(true);
    server.endTurn();
    expect(server.ask(silent).isClosed).toBe(false);
  });

  it('accepts as many in one turn as there are idle ones to close for them', () => {
    server = new FakeServer(100);
    const idle = times(90, () => server.openIdle());
    const crowd = times(100, () => server.openInTurn());
    server.endTurn();
    expect(closedAmong(idle)).not.toContain(false);
    expect(crowd.map((client) => server.ask(client).shouldKeepAlive)).not.toContain(false);
    expect(server.connections.state().closed).toMatchObject({ idle: 90, refused: 0, dropped: 0 });
  });

  it('makes room for each that came in one turn', () => {
    const silent = times(3, () => server.open());
    times(7, () => server.openBusy());
    server.nowMs += 100;
    const crowd = times(3, () => server.openInTurn());
    server.endTurn();
    expect(closedAmong(silent)).not.toContain(false);
    expect(crowd.map((client) => server.ask(client).shouldKeepAlive)).not.toContain(false);
  });

  it('counts those beyond it apart, also when they end', () => {
    times(10, () => server.openBusy());
    for (const client of times(5, () => server.open())) client.destroy();
    expect(server.openBusy().shouldKeepAlive).toBe(false);
  });

  it('gains nothing by a slow request beyond it, and lets it be', () => {
    times(10, () => server.openBusy());
    const slow = server.ask(server.open(), { complete: false });
    server.nowMs += 5000;
    expect(server.openBusy().shouldKeepAlive).toBe(false);
    expect([server.late, slow.isClosed]).toEqual([[], false]);
  });

  it('cuts off no answer, however long it takes', () => {
    const streaming = server.ask(server.open(), { complete: false });
    if (streaming._httpMessage) streaming._httpMessage.headersSent = true;
    const busy = [streaming, ...times(9, () => server.openBusy())];
    server.nowMs += 60_000;
    times(100, () => server.open());
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('closes a silent one sooner for a new one at the limit', () => {
    const busy = times(9, () => server.openBusy());
    const silent = server.open();
    server.nowMs += 99;
    expect(server.openBusy().shouldKeepAlive).toBe(false);
    server.nowMs += 1;
    expect(server.openBusy().shouldKeepAlive).toBe(true);
    expect(closedAmong([silent, ...busy])).toEqual([true, ...busy.map(() => false)]);
  });

  it('accepts the newest beyond it, and closes the oldest without a request', () => {
    const busy = times(10, () => server.openBusy());
    const beyond = times(acceptedBeyond(10), () => server.open());
    const monitor = server.open();
    expect(closedAmong(beyond).indexOf(true)).toBe(0);
    expect(server.ask(monitor).shouldKeepAlive).toBe(false);
    busy[0]?.destroy();
    expect(server.ask(beyond[1] as FakeClient).shouldKeepAlive).toBe(true);
    expect(server.connections.state().closed).toMatchObject({
      dropped: 1,
      idle: 0,
      silent: 0,
      slow: 0,
    });
  });
});

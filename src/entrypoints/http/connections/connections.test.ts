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

  it('the limit closes the connection that was answered longest ago, not the oldest one', () => {
    const idle = times(9, () => server.openIdle());
    server.answer(server.request(idle[0] as FakeClient));
    server.nowMs += 1;
    const newest = server.open();
    expect(closedAmong([...idle, newest]).indexOf(true)).toBe(1);
    expect(server.connections.state()).toMatchObject({ open: 9, idle: 8, closed: { idle: 1 } });
  });

  it('the limit closes a silent connection that has waited longer than idle ones, but not in its first second', () => {
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

  it('a connection waits from the end of its response, not from its request', () => {
    const busy = times(8, () => server.openBusy());
    server.nowMs += 1000;
    const silent = server.open();
    server.nowMs += 1000;
    for (const client of busy) server.answer(client);
    server.open();
    expect(closedAmong([silent, ...busy])).toEqual([true, ...times(8, () => false)]);
  });

  it('a connection with a request that has begun is not idle', () => {
    const begun = server.openIdle();
    begun.bytesRead += 1;
    const idle = times(8, () => server.openIdle());
    server.open();
    expect(closedAmong([begun, ...idle])).toEqual([false, true, ...times(7, () => false)]);
    expect(server.answer(server.request(begun)).isClosed).toBe(false);
  });

  it('responses end their connection while more than nine tenths have a request under way', () => {
    const busy = times(9, () => server.openBusy());
    expect(server.connections.isNearLimit).toBe(false);
    busy.push(server.openBusy());
    expect(server.connections.isNearLimit).toBe(true);
    server.answer(busy[0] as FakeClient);
    expect(server.connections.isNearLimit).toBe(false);
  });

  it('at the limit, a request that takes longer than a second to arrive is ended', () => {
    const slow = server.request(server.open(), { complete: false });
    const silentStart = server.open();
    silentStart.bytesRead = 1;
    const busy = times(8, () => server.openBusy());
    server.nowMs += 999;
    const early = server.open();
    expect(server.late).toEqual([]);
    expect(server.request(early).shouldKeepAlive).toBe(false);
    server.nowMs += 1;
    server.open();
    expect(server.late).toEqual([slow]);
    expect(slow.isClosed).toBe(true);
    server.open();
    // The limit noticed its first bytes only now, when it looked for room.
    server.nowMs += 1000;
    for (let tries = 0; !silentStart.isClosed && tries < 4; tries += 1) server.open();
    expect(server.late).toContain(silentStart);
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('a connection is not closed when its request arrives in the turn in which another one opens', () => {
    const idle = times(9, () => server.openIdle());
    server.nowMs += 5000;
    server.openInTurn();
    server.request(idle[0] as FakeClient);
    server.endTurn();
    expect(closedAmong(idle)).toEqual(idle.map((_, index) => index === 1));
  });

  it('a connection is not closed as silent before its bytes could be read', () => {
    const busy = times(9, () => server.openBusy());
    const silent = server.openInTurn();
    const another = server.openInTurn();
    // The turn of the event loop took this long.
    server.nowMs += 5000;
    server.endTurn();
    expect(closedAmong([...busy, silent, another])).not.toContain(true);
    server.endTurn();
    expect(server.request(silent).isClosed).toBe(false);
  });

  it('one turn accepts as many connections as there are idle ones to close', () => {
    server = new FakeServer(100);
    const idle = times(90, () => server.openIdle());
    const crowd = times(100, () => server.openInTurn());
    server.endTurn();
    expect(closedAmong(idle)).not.toContain(false);
    expect(crowd.map((client) => server.request(client).shouldKeepAlive)).not.toContain(false);
    expect(server.connections.state().closed).toMatchObject({ idle: 90, refused: 0, dropped: 0 });
  });

  it('silent connections make room for all connections of one turn', () => {
    const silent = times(3, () => server.open());
    times(7, () => server.openBusy());
    server.nowMs += 100;
    const crowd = times(3, () => server.openInTurn());
    server.endTurn();
    expect(closedAmong(silent)).not.toContain(false);
    expect(crowd.map((client) => server.request(client).shouldKeepAlive)).not.toContain(false);
  });

  it('connections beyond the limit do not count towards it, also when they end', () => {
    times(10, () => server.openBusy());
    for (const client of times(5, () => server.open())) client.destroy();
    expect(server.openBusy().shouldKeepAlive).toBe(false);
  });

  it('a slow request beyond the limit is not ended, since that would make no room', () => {
    times(10, () => server.openBusy());
    const slow = server.request(server.open(), { complete: false });
    server.nowMs += 5000;
    expect(server.openBusy().shouldKeepAlive).toBe(false);
    expect([server.late, slow.isClosed]).toEqual([[], false]);
  });

  it('a response is never cut off, however long it takes', () => {
    const streaming = server.request(server.open(), { complete: false });
    if (streaming._httpMessage) streaming._httpMessage.headersSent = true;
    const busy = [streaming, ...times(9, () => server.openBusy())];
    server.nowMs += 60_000;
    times(100, () => server.open());
    expect(closedAmong(busy)).toEqual(busy.map(() => false));
  });

  it('at the limit, a silent connection makes room sooner', () => {
    const busy = times(9, () => server.openBusy());
    const silent = server.open();
    server.nowMs += 99;
    expect(server.openBusy().shouldKeepAlive).toBe(false);
    server.nowMs += 1;
    expect(server.openBusy().shouldKeepAlive).toBe(true);
    expect(closedAmong([silent, ...busy])).toEqual([true, ...busy.map(() => false)]);
  });

  it('beyond the limit, the newest connection is accepted and the oldest without a request is closed', () => {
    const busy = times(10, () => server.openBusy());
    const beyond = times(acceptedBeyond(10), () => server.open());
    const monitor = server.open();
    expect(closedAmong(beyond).indexOf(true)).toBe(0);
    expect(server.request(monitor).shouldKeepAlive).toBe(false);
    busy[0]?.destroy();
    expect(server.request(beyond[1] as FakeClient).shouldKeepAlive).toBe(true);
    expect(server.connections.state().closed).toMatchObject({
      dropped: 1,
      idle: 0,
      silent: 0,
      slow: 0,
    });
  });
});

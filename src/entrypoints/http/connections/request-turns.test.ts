// SPDX-License-Identifier: GPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestTurns } from './request-turns.ts';

describe('requests in turns of the event loop', () => {
  let server: EventEmitter;
  let handled: string[];
  let nowMs: number;

  beforeEach(() => {
    handled = [];
    nowMs = 0;
    server = new EventEmitter();
    server.on('request', ({ name, takesMs }) => {
      handled.push(name);
      nowMs += takesMs;
    });
    new RequestTurns(() => nowMs).watch(server as unknown as Server);
  });

  /** A request arrives that takes half a millisecond to handle. Returns the request and its response. */
  function arrives(name: string) {
    const request = { name, takesMs: 0.5, destroyed: false };
    const response = { socket: { writable: true } };
    server.emit('request', request, response);
    return { request, response };
  }

  it('are handled at the end of their turn without new connections', async () => {
    for (const name of ['a', 'b', 'c']) arrives(name);
    expect(handled).toEqual([]);
    await endOfTurn();
    expect(handled).toEqual(['a', 'b', 'c']);
  });

  it('are handled for two milliseconds in a turn while connections come, and then all', async () => {
    server.emit('connection');
    for (const name of ['a', 'b', 'c', 'd', 'e']) arrives(name);
    await endOfTurn();
    expect(handled).toEqual([]);
    server.emit('connection');
    arrives('f');
    await endOfTurn();
    expect(handled).toEqual(['a', 'b', 'c', 'd']);
    await endOfTurn();
    expect(handled).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    arrives('g');
    await endOfTurn();
    expect(handled.at(-1)).toBe('g');
  });

  it('are handled two in a turn at least, however long they take', async () => {
    for (const name of ['a', 'b', 'c']) arrives(name).request.takesMs = 100;
    server.emit('connection');
    await endOfTurn();
    server.emit('connection');
    await endOfTurn();
    expect(handled).toEqual(['a', 'b']);
    await endOfTurn();
    expect(handled).toEqual(['a', 'b', 'c']);
  });

  it('are dropped when their client has closed the connection by the end of the turn', async () => {
    arrives('a');
    arrives('b').request.destroyed = true;
    arrives('c').response.socket.writable = false;
    arrives('d');
    await endOfTurn();
    expect(handled).toEqual(['a', 'd']);
  });

  it('are dropped when their client has closed the connection before they may be handled', async () => {
    const { request } = arrives('a');
    arrives('b');
    server.emit('connection');
    await endOfTurn();
    request.destroyed = true;
    server.emit('connection');
    await endOfTurn();
    expect(handled).toEqual(['b']);
  });
});

// Connects 40 clients and sends a request on each. Half of them reset their connection, the others close it.
const clientsThatGiveUp = `
const { connect } = require('node:net');
for (let client = 0; client < 40; client += 1) {
  const socket = connect(Number(process.argv[1]), '127.0.0.1', () => {
    socket.write('GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n', () => {
      if (client % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    });
  });
}
`;

describe('a server after a stall', () => {
  it('handles no request of a client that has given up meanwhile', async () => {
    let handled = 0;
    const server = createServer((_, response) => {
      handled += 1;
      response.end();
    });
    new RequestTurns(() => performance.now()).watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      let accepted = 0;
      server.on('connection', () => {
        accepted += 1;
      });
      // The event loop of this process stands still until all clients have gone.
      execFileSync(process.execPath, ['-e', clientsThatGiveUp, String(port)]);
      const [response] = (await once(
        get({ host: '127.0.0.1', port, agent: false }),
        'response',
      )) as [IncomingMessage];
      response.resume();
      expect({ accepted, handled }).toEqual({ accepted: 41, handled: 1 });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('a server with busy connections', () => {
  const steps: (() => void)[] = [];
  afterEach(() => {
    for (const step of steps.splice(0).reverse()) step();
  });

  it('serves new connections after few further requests of the busy ones', async () => {
    const [busy, fresh] = [64, 40];
    // Each request takes a millisecond.
    let nowMs = 0;
    const server = createServer((_, response) => {
      nowMs += 1;
      response.end();
    });
    new RequestTurns(() => nowMs).watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const kept = new Agent({ keepAlive: true });
    steps.push(() => {
      kept.destroy();
      server.close();
      server.closeAllConnections();
    });
    const answer = async (agent: Agent | false) => {
      const [response] = (await once(get({ host: '127.0.0.1', port, agent }), 'response')) as [
        IncomingMessage,
      ];
      await once(response.resume(), 'end');
    };
    let answers = 0;
    let isOver = false;
    const loops = Array.from({ length: busy }, async () => {
      while (!isOver) {
        await answer(kept);
        answers += 1;
      }
    });
    while (answers < 10 * busy) await endOfTurn();
    const before = answers;
    await Promise.all(Array.from({ length: fresh }, () => answer(false)));
    const meanwhile = answers - before;
    isOver = true;
    await Promise.all(loops);
    // Some in each turn that accepts a connection, and what waits at the end; else all of them in each turn.
    expect(meanwhile).toBeLessThan(10 * busy);
  });
});

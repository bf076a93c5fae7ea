// SPDX-License-Identifier: GPL-3.0-or-later
/** The limit of connections with fake clients and a clock that the test sets, without sockets. */
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Connections } from '../../src/entrypoints/http/connections/connections.ts';

type Response = EventEmitter & { req: { complete: boolean }; headersSent: boolean };

/** A connection as the server sees it. */
export class FakeClient extends EventEmitter {
  bytesRead = 0;
  writable = true;
  isClosed = false;
  /** Node keeps the response under way here. */
  _httpMessage: Response | null = null;
  /** Whether the last response leaves it open. */
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

/** The connections of a server with a limit. */
export class FakeServer {
  nowMs = 0;
  /** The sockets whose request was answered as late. */
  readonly late: Socket[] = [];
  readonly connections: Connections;
  private readonly server = new EventEmitter();
  private atEndOfTurn: (() => void) | undefined;

  constructor(max: number) {
    this.connections = new Connections({
      ...{ max, silentTimeoutMs: 1000, nowMs: () => this.nowMs, warn: () => undefined },
      answerSlow: (socket: Socket) => this.late.push(socket),
      atEndOfTurn: (run) => {
        this.atEndOfTurn = run;
      },
    });
    this.connections.watch(this.server as unknown as Server);
  }

  /** Ends the turn of the event loop: everything that was sent is read. */
  endTurn(): void {
    const run = this.atEndOfTurn;
    this.atEndOfTurn = undefined;
    run?.();
  }

  openInTurn(): FakeClient {
    const client = new FakeClient();
    this.server.emit('connection', client);
    return client;
  }

  open(): FakeClient {
    const client = this.openInTurn();
    this.endTurn();
    return client;
  }

  /** Sends a request, with or without its complete body. */
  request(client: FakeClient, { complete = true } = {}): FakeClient {
    const response = Object.assign(new EventEmitter(), {
      ...{ req: { complete }, headersSent: false, shouldKeepAlive: true },
    });
    client.bytesRead += 100;
    client._httpMessage = response;
    this.server.emit('request', { socket: client }, response);
    client.shouldKeepAlive = response.shouldKeepAlive;
    return client;
  }

  answer(client: FakeClient): FakeClient {
    const response = client._httpMessage;
    client._httpMessage = null;
    if (!client.shouldKeepAlive) client.destroy();
    response?.emit('finish');
    this.endTurn();
    return client;
  }

  openBusy(): FakeClient {
    return this.request(this.open());
  }

  openIdle(): FakeClient {
    return this.answer(this.openBusy());
  }
}

/** Makes `count` values, one after the other. */
export function times<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}

/** Whether each of the clients is closed. */
export function closedAmong(clients: FakeClient[]): boolean[] {
  return clients.map(({ isClosed }) => isClosed);
}

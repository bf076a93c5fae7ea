// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

type Waiting = {
  request: IncomingMessage;
  response: ServerResponse;
  /** The turn of the event loop in which the request arrived. */
  turn: number;
  handle(): void;
};

// How long a turn that accepts a connection handles requests.
const acceptingTurnMs = 2;
// A turn accepts one connection, and with it about one request. It must handle more than that, or requests pile up.
const acceptingTurnMin = 2;

/**
 * Decides in which turn of the event loop a request is handled. Node accepts one connection in a turn, and a turn lasts
 * as long as all requests that are handled in it.
 *
 * - Requests are handled at the end of the turn in which they arrive, in order of arrival. By then the turn has also read
 *   that clients have closed their connections. Their requests are dropped, since nobody gets the responses. After a
 *   stall, all clients with a short timeout have given up and connect again: without this the process would spend its
 *   time on requests without a client and answer the others too late, again and again.
 * - A turn that accepts a connection handles requests for two milliseconds at most, but at least two of them, and only
 *   those of earlier turns. The others wait. Thus new connections do not wait behind the requests of others, and the
 *   close of a client that has given up while it waited to be accepted is read before its request would be handled.
 */
export class RequestTurns {
  private readonly nowMs: () => number;
  private readonly waiting: Waiting[] = [];
  private turn = 0;
  private hasAccepted = false;
  private isTurnWatched = false;

  /** `nowMs` returns the milliseconds of a monotonic clock. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** Applies to all requests that the present listeners of this server handle. */
  watch(server: Server): void {
    const listeners = server.rawListeners('request');
    server.removeAllListeners('request');
    server.on('connection', () => {
      this.hasAccepted = true;
      this.watchTurn();
    });
    server.on('request', (request, response) => {
      const handle = () => {
        for (const listener of listeners) listener.call(server, request, response);
      };
      this.waiting.push({ request, response, turn: this.turn, handle });
      this.watchTurn();
    });
  }

  private watchTurn(): void {
    if (this.isTurnWatched) return;
    this.isTurnWatched = true;
    setImmediate(this.onEndOfTurn);
  }

  private readonly onEndOfTurn = (): void => {
    const { hasAccepted, turn } = this;
    this.hasAccepted = false;
    this.isTurnWatched = false;
    this.turn += 1;
    try {
      if (hasAccepted) this.handleSome(turn);
      else this.handleAll();
    } finally {
      // Requests wait for the next turn, also where a handler has thrown.
      if (this.waiting.length > 0) this.watchTurn();
    }
  };

  private handleAll(): void {
    for (let one = this.waiting.shift(); one !== undefined; one = this.waiting.shift()) {
      handleUnlessClosed(one);
    }
  }

  private handleSome(beforeTurn: number): void {
    const endMs = this.nowMs() + acceptingTurnMs;
    let handled = 0;
    for (let one = this.waiting[0]; one !== undefined; one = this.waiting[0]) {
      if (one.turn >= beforeTurn) return;
      if (handled >= acceptingTurnMin && this.nowMs() >= endMs) return;
      this.waiting.shift();
      // A dropped request costs next to nothing.
      if (handleUnlessClosed(one)) handled += 1;
    }
  }
}

/** Returns whether the request was handled. */
function handleUnlessClosed({ response, request, handle }: Waiting): boolean {
  if (request.destroyed || response.socket?.writable === false) return false;
  handle();
  return true;
}

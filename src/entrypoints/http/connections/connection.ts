// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const tracked = Symbol('connection');

type TrackedSocket = Socket & { [tracked]?: Connection };

/** The connection of one client, and its state as last seen. */
export class Connection {
  readonly socket: Socket;
  /** When it was opened, its last request began, or its last response ended. */
  sinceMs: number;
  /** Requests whose head has arrived, and how many of them are answered. */
  requests = 0;
  answers = 0;
  /** Requests that were given to their handler, in order of arrival. */
  handled = 0;
  /** The last of these requests, until all are answered. */
  newest: IncomingMessage | undefined;
  /** Bytes that were read from it when it was last answered. */
  bytesRead = 0;
  /** Accepted beyond the limit: it serves only health checks and metrics. */
  isBeyond = false;
  /** Its last response is an event stream, and it no longer counts towards the limit. */
  isStream = false;
  /** False from the moment that the service decides to close it, or the client has closed it. */
  isOpen = true;
  /** The list that it is in, and its neighbours there. */
  list: ConnectionList | undefined;
  previous: Connection | undefined;
  next: Connection | undefined;

  constructor(socket: Socket, nowMs: number) {
    this.socket = socket;
    this.sinceMs = nowMs;
    (socket as TrackedSocket)[tracked] = this;
  }

  /** Whether bytes of a request have arrived that is not complete yet. */
  get hasBegun(): boolean {
    return this.socket.bytesRead > this.bytesRead;
  }
}

/**
 * A linked list of connections, in the order in which they were added. A connection is in one list at most. Adding and
 * removing cost the same for any number of connections, which a `Set` does not guarantee for its first member.
 */
export class ConnectionList {
  first: Connection | undefined;
  size = 0;
  private last: Connection | undefined;

  /** Moves it from the list that it is in to the end of this one. */
  add(connection: Connection): void {
    connection.list?.remove(connection);
    connection.list = this;
    connection.previous = this.last;
    if (this.last === undefined) this.first = connection;
    else this.last.next = connection;
    this.last = connection;
    this.size += 1;
  }

  /** Removes a connection that is in this list. */
  remove(connection: Connection): void {
    const { previous, next } = connection;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    connection.list = undefined;
    connection.previous = undefined;
    connection.next = undefined;
    this.size -= 1;
  }
}

/** The connection on this socket; undefined where its server is not watched. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as TrackedSocket)[tracked];
}

/** Whether no request follows this one on its connection: then its response may end the connection. */
export function isNewest(request: IncomingMessage): boolean {
  const newest = connectionOf(request.socket)?.newest;
  return newest === undefined || newest === request;
}

/** The response that a connection waits for, where Node's own error handling looks for it too. */
export function responseUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
}

/** Whether a complete request waits for its response, or the response has begun. */
export function isBeingAnswered(socket: Socket): boolean {
  const response = responseUnderWay(socket);
  return response != null && (response.req.complete || response.headersSent);
}

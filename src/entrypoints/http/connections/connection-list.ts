// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const tracked = Symbol('connection');

type TrackedSocket = Socket & { [tracked]?: Connection };

/** The connection of one client, and what it was last seen to do. */
export class Connection {
  readonly socket: Socket;
  /** When it was opened, or its last request began, or was answered. */
  sinceMs: number;
  /** Requests whose head has arrived, and those of them that are answered. */
  requests = 0;
  answers = 0;
  /** The last of these requests, until all are answered. */
  newest: IncomingMessage | undefined;
  /** Bytes that were read from it when it was last answered. */
  bytesRead = 0;
  /** Accepted beyond the limit: only health checks are served on it. */
  isBeyond = false;
  /** Ends when the service decides to close it, or when the client has. */
  isOpen = true;
  list: ConnectionList | undefined;
  before: Connection | undefined;
  behind: Connection | undefined;

  constructor(socket: Socket, nowMs: number) {
    this.socket = socket;
    this.sinceMs = nowMs;
    (socket as TrackedSocket)[tracked] = this;
  }

  /** Whether bytes have arrived that no answer belongs to: a request that is not complete yet. */
  get hasBegun(): boolean {
    return this.socket.bytesRead > this.bytesRead;
  }
}

/** The connection on this socket; undefined where the socket does not belong to a server that is watched. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as TrackedSocket)[tracked];
}

/** Whether no other request came behind this one on its connection: an answer that ends it then costs no other. */
export function isNewest(request: IncomingMessage): boolean {
  const newest = connectionOf(request.socket)?.newest;
  return newest === undefined || newest === request;
}

/** Where Node keeps the response that a connection waits for; its own handling of errors looks there too. */
export function responseUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
}

/** Whether a request on it has arrived completely and waits for its answer, or the answer has begun. */
export function isBeingAnswered(socket: Socket): boolean {
  const response = responseUnderWay(socket);
  return response != null && (response.req.complete || response.headersSent);
}

/**
 * Connections in the order in which they were added. A connection is in one list at most, and knows its neighbours: to
 * add it and to take it out costs the same however many there are, which a `Set` does not promise for its first member.
 */
export class ConnectionList {
  first: Connection | undefined;
  size = 0;
  private last: Connection | undefined;

  /** Adds it at the end, and takes it out of the list that it was in. */
  add(connection: Connection): void {
    connection.list?.remove(connection);
    connection.list = this;
    connection.before = this.last;
    if (this.last === undefined) this.first = connection;
    else this.last.behind = connection;
    this.last = connection;
    this.size += 1;
  }

  /** Takes out a connection that is in this list. */
  remove(connection: Connection): void {
    const { before, behind } = connection;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    connection.list = undefined;
    connection.before = undefined;
    connection.behind = undefined;
    this.size -= 1;
  }
}

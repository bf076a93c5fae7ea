// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Expectations } from '../requests/expect-continue.ts';
import { hasAmbiguousLength } from '../requests/request-head.ts';
import type { HttpLog } from '../route.ts';
import { answerClientError } from './client-error.ts';
import { connectionOf, isNewest } from './connection.ts';
import { Connections } from './connections.ts';
import { answerUnlessComplete, lateRequest } from './late-request.ts';
import { RequestTurns } from './request-turns.ts';
import { turnClock } from './turn-clock.ts';
import { discardLimits, UnreadBodies } from './unread-bodies.ts';

/** The limits of connections. */
export type ClientConnectionsOptions = {
  connectionsMax: number;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  newRequestId(): string;
  log: HttpLog;
};

/** All that the server does with connections: their limit, slow clients, unread bodies and bytes that are no HTTP. */
export class ClientConnections {
  readonly connections: Connections;
  readonly unreadBodies: UnreadBodies;
  readonly expectations = new Expectations();
  private readonly requestTurns = new RequestTurns(() => performance.now());
  private readonly newRequestId: () => string;
  /** Whether the service takes no further requests. */
  isStopping = false;

  constructor(options: ClientConnectionsOptions) {
    this.newRequestId = options.newRequestId;
    this.unreadBodies = new UnreadBodies(discardLimits(options.requestTimeoutMs), (request) =>
      this.expectations.isWaiting(request),
    );
    this.connections = new Connections({
      max: options.connectionsMax,
      // Never shorter than the time that a client has for its first headers.
      silentTimeoutMs: Math.max(options.keepAliveTimeoutMs, options.headersTimeoutMs),
      warn: (event, message) => options.log.warn(event, message),
      answerSlow: (socket) => this.answerError(lateRequest, socket),
      nowMs: turnClock(),
      atEndOfTurn: (run) => void setImmediate(run),
    });
  }

  /** Applies the rules for connections and heads to a server. */
  watch(server: Server): void {
    server.prependListener('request', countHandled);
    // The listeners so far run when a request is handled, and those from here on when it arrives.
    this.requestTurns.watch(server);
    this.connections.watch(server);
    this.expectations.watch(server);
    // The size of headers is limited instead. Beyond a thousand headers Node drops lines without an error, which could
    // be a key, or the second line of a repeated header.
    server.maxHeadersCount = 0;
  }

  /** Handles an error that Node reports for a connection. */
  readonly onClientError = (error: Error & { code?: string }, socket: Socket): void => {
    answerUnlessComplete(error, socket, () => this.answerError(error, socket));
  };

  /** Must run before the head of each response is written: decides whether the connection ends with it. */
  beforeResponse(request: FastifyRequest, reply: FastifyReply): void {
    const shouldEnd = this.isStopping || this.connections.isNearLimit;
    if (shouldEnd && isNewest(request.raw)) reply.header('Connection', 'close');
    if (hasAmbiguousLength(request.raw)) {
      // What follows may be a part of its body for another program.
      reply.header('Connection', 'close');
      this.unreadBodies.ignoreFurther(request.raw.socket);
    }
    this.unreadBodies.beforeResponse(request, reply);
  }

  /** Must run before the head of an event stream is written. The stream is the last response of its connection. */
  beforeStream(request: FastifyRequest, reply: FastifyReply): void {
    const { socket } = request.raw;
    this.unreadBodies.beforeResponse(request, reply);
    this.unreadBodies.ignoreFurther(socket);
    this.connections.startStream(socket);
  }

  /** Ends each connection with its next response from now on, and waits less for silent clients. */
  stop(): void {
    this.isStopping = true;
    this.unreadBodies.shortenIdleLimit();
  }

  private answerError(error: Error & { code?: string }, socket: Socket): void {
    answerClientError(error, socket, this.newRequestId(), this.unreadBodies);
  }
}

function countHandled({ socket }: IncomingMessage): void {
  const connection = connectionOf(socket);
  if (connection !== undefined) connection.handled += 1;
}

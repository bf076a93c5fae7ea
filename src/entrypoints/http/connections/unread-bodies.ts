// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Handles responses that are sent before the body has arrived, such as 413 and 401. A connection that closes with unread
 * bytes is reset, and the reset can delete the response before the client reads it. So the server ends only its own
 * side, and reads and discards what the client still sends, within limits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bodyBytesMax } from '../requests/json-body.ts';
import { IdleTimer } from './idle-timer.ts';

/** How much of unread bodies is read and discarded. Beyond a limit the connection closes at once. */
export type DiscardLimits = {
  /** Bytes of one connection. */
  bytesMax: number;
  /** Time without a byte. */
  idleMs: number;
  /** Time in all. */
  timeoutMs: number;
  /** Connections whose bodies are discarded at the same time. */
  connectionsMax: number;
  /** A body of at most this many bytes is read to its end, and the connection stays open. */
  keepAliveBytesMax: number;
};

/** The limits of a service that gives a request `requestTimeoutMs` to arrive. */
export function discardLimits(requestTimeoutMs: number): DiscardLimits {
  return {
    // A body of 8 MiB with the overhead of its chunks.
    bytesMax: 9 * 1024 * 1024,
    idleMs: 5_000,
    timeoutMs: Math.min(requestTimeoutMs, 10_000),
    connectionsMax: 1_000,
    keepAliveBytesMax: bodyBytesMax,
  };
}

const idleMsWhileStopping = 250;

// For a client that was already too slow.
const timeoutMsWhenSlow = 1_000;

// One read of the socket may bring as many; a client that sends more has not read its response.
const ignoredMax = 1_000;

/** The body of an answered request, and how much of it was read since. */
type UnreadBody = { request: IncomingMessage; bytes: number };

/** The unread bodies on the connections of one process. */
export class UnreadBodies {
  private limits: DiscardLimits;
  private readonly isWaitingForContinue: (request: IncomingMessage) => boolean;
  private readonly unread = new WeakMap<Socket, UnreadBody>();
  /** The connections whose last response is sent, and how many requests followed it. */
  private readonly ignored = new WeakMap<Socket, number>();
  private readonly closing = new WeakSet<Socket>();
  private readonly discarding = new Map<Socket, IdleTimer>();

  constructor(
    limits: DiscardLimits,
    isWaitingForContinue: (request: IncomingMessage) => boolean = () => false,
  ) {
    this.limits = limits;
    this.isWaitingForContinue = isWaitingForContinue;
  }

  /** Must run before the head of each response is written. Costs nothing where the body has arrived. */
  beforeResponse({ raw }: FastifyRequest, reply: FastifyReply): void {
    const { socket } = raw;
    if (raw.complete || socket.destroyed) return;
    const bytes = bodyBytesOf(raw);
    if (bytes === 0) return;
    if (bytes > this.limits.keepAliveBytesMax || this.isWaitingForContinue(raw)) {
      reply.header('Connection', 'close');
      this.ignored.set(socket, 0);
    }
    this.discard(raw);
    this.discardOnClose(socket, () => this.hasAnswer(socket) || this.ignored.has(socket));
  }

  /**
   * Whether a request follows the last response of its connection. It must not be served, since its response would never
   * be sent. Must run once for each request.
   */
  ignores({ socket }: IncomingMessage): boolean {
    const count = this.ignored.get(socket);
    if (count === undefined) return false;
    this.ignored.set(socket, count + 1);
    if (count >= ignoredMax) socket.destroy();
    return true;
  }

  /** Ignores requests that follow on this connection, because it ends with a response that is under way. */
  ignoreFurther(socket: Socket): void {
    if (!this.ignored.has(socket)) this.ignored.set(socket, 0);
  }

  /** Whether the request whose body still arrives on this connection is already answered. */
  hasAnswer(socket: Socket): boolean {
    return this.unread.get(socket)?.request.complete === false;
  }

  /** Whether the server has ended its side and discards what the client still sends. */
  isDiscarding(socket: Socket): boolean {
    return this.discarding.has(socket);
  }

  /** Closes silent clients soon from now on, because the service stops. */
  shortenIdleLimit(): void {
    this.limits = { ...this.limits, idleMs: Math.min(this.limits.idleMs, idleMsWhileStopping) };
    for (const idle of this.discarding.values()) idle.start(this.limits.idleMs);
  }

  /** Closes the connection after this response, whose head may be sent already. May be called repeatedly. */
  closeAfter(response: ServerResponse, socket: Socket): void {
    response.shouldKeepAlive = false;
    this.discardOnClose(socket, () => true);
    if (!response.headersSent || this.closing.has(socket)) return;
    this.closing.add(socket);
    response.once('finish', () => this.close(socket));
  }

  /** Ends the server's side, then reads until the client has ended its own side or a limit is reached. */
  close(socket: Socket, wasSlow = false): void {
    if (socket.destroyed || this.discarding.has(socket)) return;
    const { bytesMax, idleMs, timeoutMs, connectionsMax } = this.limits;
    let bytes = this.unread.get(socket)?.bytes ?? 0;
    if (this.discarding.size >= connectionsMax || bytes > bytesMax) {
      Socket.prototype.destroySoon.call(socket);
      return;
    }
    const timer = setTimeout(() => socket.destroy(), wasSlow ? timeoutMsWhenSlow : timeoutMs);
    const idle = new IdleTimer(() => socket.destroy());
    idle.start(idleMs);
    this.discarding.set(socket, idle);
    socket.setTimeout(0);
    socket.once('close', () => {
      clearTimeout(timer);
      idle.stop();
      this.discarding.delete(socket);
    });
    // Keeps the bytes from the parser, which would take what follows the body for a request.
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) socket.destroy();
      else idle.restart();
    });
    socket.end();
    socket.resume();
    // Where the parser had paused the socket, `resume` alone would wait for that parser.
    socket._read(0);
  }

  /** Node calls `destroySoon` to close a connection after a response. */
  private discardOnClose(socket: Socket, mayHaveMore: () => boolean): void {
    socket.destroySoon = () => {
      socket.destroySoon = Socket.prototype.destroySoon;
      if (mayHaveMore()) this.close(socket);
      else socket.destroySoon();
    };
  }

  /** Reads on while the response is sent, since some clients read it only after they have sent all of the body. */
  private discard(request: IncomingMessage): void {
    const { socket } = request;
    const unread: UnreadBody = { request, bytes: 0 };
    this.unread.set(socket, unread);
    request.once('end', () => {
      if (this.unread.get(socket) === unread) this.unread.delete(socket);
    });
    request.on('data', (chunk: Buffer) => {
      unread.bytes += chunk.length;
      if (unread.bytes > this.limits.bytesMax) request.pause();
    });
    request.resume();
  }
}

/** The length that the head announces; infinite where it announces none. */
function bodyBytesOf({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(headers['content-length'] ?? 0);
}

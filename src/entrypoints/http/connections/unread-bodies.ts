// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Answers that go out before the body has arrived, such as 413 and 401. A connection that closes with bytes unread is
 * reset, and the reset can delete the answer before the client reads it. So the server ends only its own side, and
 * reads and discards what the client still sends, within limits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bodyBytesMax } from '../requests/json-body.ts';

/** How much of unread bodies is read and discarded. Beyond a limit the connection closes at once. */
export type DrainLimits = {
  /** Bytes of one connection. */
  bytesMax: number;
  /** Time without a byte. */
  idleMs: number;
  /** Time in all. */
  timeoutMs: number;
  /** Connections that drain at the same time. */
  connectionsMax: number;
  /** A body of at most this length is read to its end, and the connection stays open. */
  keepAliveBytesMax: number;
};

/** The limits of a service that gives a request `requestTimeoutMs` to arrive. */
export function drainLimits(requestTimeoutMs: number): DrainLimits {
  return {
    // A body of 8 MiB, and the overhead of its chunks.
    bytesMax: 9 * 1024 * 1024,
    idleMs: 5_000,
    timeoutMs: Math.min(requestTimeoutMs, 10_000),
    connectionsMax: 1_000,
    keepAliveBytesMax: bodyBytesMax,
  };
}

const idleMsWhileStopping = 250;

// For a client that was too slow already.
const timeoutMsWhenSlow = 1_000;

// As many as a read of the socket may bring at once; a client that sends more of them has not read its answer.
const ignoredMax = 1_000;

/** The body of a request that is answered, and what was read of it since. */
type UnreadBody = { request: IncomingMessage; bytes: number };

/** Drains the connections of one server. */
export class BodyDrain {
  private limits: DrainLimits;
  private readonly isWaitingForContinue: (request: IncomingMessage) => boolean;
  private readonly unread = new WeakMap<Socket, UnreadBody>();
  /** The connections that the last answer closes, and how many requests came behind it. */
  private readonly ignored = new WeakMap<Socket, number>();
  private readonly closing = new WeakSet<Socket>();
  private readonly draining = new Map<Socket, IdleTimer>();

  constructor(
    limits: DrainLimits,
    isWaitingForContinue: (request: IncomingMessage) => boolean = () => false,
  ) {
    this.limits = limits;
    this.isWaitingForContinue = isWaitingForContinue;
  }

  /** To be called before the head of each answer is written. Costs nothing where the body has arrived. */
  beforeAnswer({ raw }: FastifyRequest, reply: FastifyReply): void {
    const { socket } = raw;
    if (raw.complete || socket.destroyed) return;
    const bytes = bodyBytesOf(raw);
    if (bytes === 0) return;
    if (bytes > this.limits.keepAliveBytesMax || this.isWaitingForContinue(raw)) {
      reply.header('Connection', 'close');
      this.ignored.set(socket, 0);
    }
    this.discard(raw);
    this.drainOnClose(socket, () => this.hasAnswer(socket) || this.ignored.has(socket));
  }

  /**
   * Whether a request comes behind the last answer of its connection. It must not be served: its answer would never be
   * sent. To be called once for each request.
   */
  ignores({ socket }: IncomingMessage): boolean {
    const count = this.ignored.get(socket);
    if (count === undefined) return false;
    this.ignored.set(socket, count + 1);
    if (count >= ignoredMax) socket.destroy();
    return true;
  }

  /** Whether the request whose body is under way on this connection is answered already. */
  hasAnswer(socket: Socket): boolean {
    return this.unread.get(socket)?.request.complete === false;
  }

  isDraining(socket: Socket): boolean {
    return this.draining.has(socket);
  }

  /** From now on a client that is silent is given up soon: the service stops. */
  hurry(): void {
    this.limits = { ...this.limits, idleMs: Math.min(this.limits.idleMs, idleMsWhileStopping) };
    for (const idle of this.draining.values()) idle.start(this.limits.idleMs);
  }

  /** Closes the connection behind this answer, whose head may be on its way. May be called again and again. */
  closeAfter(answer: ServerResponse, socket: Socket): void {
    answer.shouldKeepAlive = false;
    this.drainOnClose(socket, () => true);
    if (!answer.headersSent || this.closing.has(socket)) return;
    this.closing.add(socket);
    answer.once('finish', () => this.close(socket));
  }

  /** Ends the server's side, then reads until the client has ended its own side or a limit is reached. */
  close(socket: Socket, wasSlow = false): void {
    if (socket.destroyed || this.draining.has(socket)) return;
    const { bytesMax, idleMs, timeoutMs, connectionsMax } = this.limits;
    let bytes = this.unread.get(socket)?.bytes ?? 0;
    if (this.draining.size >= connectionsMax || bytes > bytesMax) {
      Socket.prototype.destroySoon.call(socket);
      return;
    }
    const timer = setTimeout(() => socket.destroy(), wasSlow ? timeoutMsWhenSlow : timeoutMs);
    const idle = new IdleTimer(() => socket.destroy());
    idle.start(idleMs);
    this.draining.set(socket, idle);
    socket.setTimeout(0);
    socket.once('close', () => {
      clearTimeout(timer);
      idle.stop();
      this.draining.delete(socket);
    });
    // From here on the bytes do not reach the parser, which would take what follows the body for a request.
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) socket.destroy();
      else idle.restart();
    });
    socket.end();
    socket.resume();
    // Where the parser had stopped the reading, `resume` alone would wait for a parser that is gone.
    socket._read(0);
  }

  /** Node calls `destroySoon` to close a connection after an answer. */
  private drainOnClose(socket: Socket, mayHaveMore: () => boolean): void {
    socket.destroySoon = () => {
      socket.destroySoon = Socket.prototype.destroySoon;
      if (mayHaveMore()) this.close(socket);
      else socket.destroySoon();
    };
  }

  /** Reads on while the answer is sent: a client may read it only when all of its body is sent. */
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

/**
 * Ends what is silent for too long. The time of the socket itself does not do: in a process that was halted it is over
 * before the bytes are read that have come meanwhile.
 */
class IdleTimer {
  private readonly end: () => void;
  private timer: NodeJS.Timeout | undefined;
  private restarts = 0;

  constructor(end: () => void) {
    this.end = end;
  }

  start(idleMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { restarts } = this;
      setImmediate(() => {
        if (this.restarts === restarts) this.end();
      });
    }, idleMs);
  }

  restart(): void {
    this.restarts += 1;
    this.timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** As the head says; infinite where it does not say how many. */
function bodyBytesOf({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(headers['content-length'] ?? 0);
}

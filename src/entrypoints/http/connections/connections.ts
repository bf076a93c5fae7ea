// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The limit of open connections, and which of them are closed when it is near. The reasons are in ADR 0019.
 *
 * - Up to nine tenths of the limit every connection stays as long as its timeouts allow.
 * - Above, connections that wait for a request are closed, the one that has waited longest first. One that was just
 *   opened is spared: its first request is about to arrive. Where none waits, since so many requests are under way,
 *   answers end their connection.
 * - At the limit, a request that takes longer than a second to arrive is answered 408. A client that still sends a body
 *   a second after its answer loses the connection.
 * - Where that is not enough either, a few more connections are accepted. On these only health checks and metrics are
 *   served; any other request is refused as `overloaded`. When they are used up as well, the oldest one that has not
 *   sent its request is closed for the newest.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../../core/errors.ts';
import { Connection, ConnectionList, connectionOf, isBeingAnswered } from './connection-list.ts';
import { type CloseCounts, type CloseReason, ConnectionLog } from './connection-log.ts';

// The part of the limit that connections without a request may fill.
const waitingShare = 0.9;
// What is accepted beyond the limit, as a part of it, and at least.
const beyondShare = 0.1;
const beyondMin = 16;
// How long the first request of a new connection may take, near the limit and at the limit.
const silentMsMin = 1000;
const silentAtLimitMsMin = 100;
const idleOnly = Number.POSITIVE_INFINITY;
// How long a request may take to arrive completely, at the limit.
const slowMsMin = 1000;
// Each one under way takes memory; clients that pipeline at all send far fewer ahead.
const pipelinedMax = 1000;

/** The connections at this moment, and how many were closed for the limit since the start. */
export type ConnectionsState = { open: number; idle: number; max: number; closed: CloseCounts };

/** The limits, and what is called when they take effect. */
export type ConnectionsOptions = {
  max: number;
  /** How long a connection may be open before its first request. */
  silentTimeoutMs: number;
  warn(event: Record<string, unknown>, message: string): void;
  /** Answers a request that has not arrived in time. */
  answerSlow(socket: Socket): void;
  nowMs(): number;
  /** Calls `run` when everything that has arrived by now was read. */
  atEndOfTurn(run: () => void): void;
};

/** How many connections are accepted beyond a limit. */
export function acceptedBeyond(max: number): number {
  return Math.max(beyondMin, Math.ceil(max * beyondShare));
}

/**
 * Refuses requests on connections beyond the limit, but those that are always served; and on any connection those
 * behind a hundred that are under way. Node stops reading while answers wait behind others.
 */
export function refuseBeyondLimit(
  app: FastifyInstance,
  connections: Connections,
  isAlwaysServed: (url: string) => boolean,
): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const connection = connectionOf(request.raw.socket);
    if (connection !== undefined && connection.requests - connection.answers > pipelinedMax) {
      const detail = 'too many requests are under way on this connection; wait for their answers';
      return done(new AppError('overloaded', { detail }));
    }
    if (!connection?.isBeyond || isAlwaysServed(request.url)) return done();
    connections.countRefused();
    done(new AppError('overloaded', { detail: 'too many connections are open' }));
  });
  app.addHook('onClose', async () => connections.end());
}

/**
 * The connections of one process, whichever of its servers they came to. To note a request, and to find the next
 * connection to close, costs the same however many there are.
 */
export class Connections {
  private readonly options: ConnectionsOptions;
  private readonly log: ConnectionLog;
  private readonly waitingMax: number;
  private readonly beyondMax: number;
  /** Within the limit, and beyond it. */
  private within = 0;
  private beyond = 0;
  /** Opened in this turn of the event loop: what they have sent could not be read yet. */
  private readonly opened = new ConnectionList();
  /** Opened before, with no request yet, in order of their opening. */
  private readonly silent = new ConnectionList();
  /** Answered, in order of the last answer. */
  private readonly idle = new ConnectionList();
  /** With a request under way that may not have arrived yet, in order of its beginning as far as it is known. */
  private readonly asking = new ConnectionList();
  /** Answered for the last time, in order of that answer: the body of the request still arrives and is discarded. */
  private readonly ending = new ConnectionList();
  /** Beyond the limit, with no request yet. */
  private readonly reserve = new ConnectionList();
  private isTurnWatched = false;

  constructor(options: ConnectionsOptions) {
    this.options = options;
    this.waitingMax = Math.max(1, Math.floor(options.max * waitingShare));
    this.beyondMax = acceptedBeyond(options.max);
    const { warn, nowMs } = options;
    const facts = () => ({ open: this.open, max: options.max });
    this.log = new ConnectionLog({ warn, nowMs, facts });
  }

  /** Keeps to the limit on this server too. */
  watch(server: Server): void {
    server.on('connection', (socket) => this.onOpened(socket));
    server.prependListener('request', (request, response) => this.onRequest(request, response));
  }

  /** Whether so many requests are under way that a connection had better end with its answer. */
  get isNearLimit(): boolean {
    return this.within > this.waitingMax;
  }

  /** A request on a connection beyond the limit was refused. */
  countRefused(): void {
    this.log.count('refused');
  }

  state(): ConnectionsState {
    return {
      open: this.open,
      idle: this.idle.size,
      max: this.options.max,
      closed: { ...this.log.totals },
    };
  }

  /** Closes the connections on which nothing was sent yet, for a stop that need not wait for them. */
  closeSilent(): void {
    for (const list of [this.silent, this.opened, this.reserve]) {
      for (let one = list.first; one !== undefined; one = list.first) {
        if (one.hasBegun) this.asking.add(one);
        else this.close(one);
      }
    }
  }

  /** Logs what is not logged yet. */
  end(): void {
    this.log.end();
  }

  private get open(): number {
    return this.within + this.beyond;
  }

  private onOpened(socket: Socket): void {
    const connection = new Connection(socket, this.options.nowMs());
    this.within += 1;
    this.opened.add(connection);
    socket.setTimeout(this.options.silentTimeoutMs);
    socket.once('close', () => this.onClosed(connection));
    // More may come in one turn than the last tenth has room for.
    if (this.within > this.options.max && !this.closeWaiting(idleOnly)) this.moveBeyond(connection);
    this.watchTurn();
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = connectionOf(socket);
    if (connection === undefined) return;
    // From here on Node's own timeouts apply.
    if (connection.requests === 0) socket.setTimeout(0);
    connection.requests += 1;
    connection.newest = request;
    connection.sinceMs = this.options.nowMs();
    if (connection.isBeyond && this.within < this.options.max) this.moveWithin(connection);
    this.asking.add(connection);
    if (connection.isBeyond) response.shouldKeepAlive = false;
    response.on('finish', () => this.onAnswered(connection));
  }

  private onAnswered(connection: Connection): void {
    connection.answers += 1;
    if (!connection.isOpen || connection.answers < connection.requests) return;
    connection.newest = undefined;
    connection.sinceMs = this.options.nowMs();
    // Otherwise it ends with this answer, as the client knows.
    if (connection.socket.writable) {
      connection.bytesRead = connection.socket.bytesRead;
      this.idle.add(connection);
      if (this.isNearLimit) this.watchTurn();
    } else {
      this.ending.add(connection);
    }
  }

  private onClosed(connection: Connection): void {
    if (!connection.isOpen) return;
    connection.isOpen = false;
    connection.list?.remove(connection);
    if (connection.isBeyond) this.beyond -= 1;
    else this.within -= 1;
  }

  private watchTurn(): void {
    if (this.isTurnWatched) return;
    this.isTurnWatched = true;
    this.options.atEndOfTurn(() => this.onEndOfTurn());
  }

  /** Makes room, now that what has arrived is read: none is closed whose next request is here. */
  private onEndOfTurn(): void {
    this.isTurnWatched = false;
    while (this.isNearLimit && this.closeWaiting(silentMsMin));
    for (let one = this.reserve.first; one !== undefined; one = this.reserve.first) {
      if (this.within >= this.options.max && !this.makeRoom()) break;
      this.moveWithin(one);
      this.opened.add(one);
    }
    for (let one = this.opened.first; one !== undefined; one = this.opened.first) {
      this.silent.add(one);
    }
  }

  private makeRoom(): boolean {
    return this.closeWaiting(silentAtLimitMsMin) || this.closeEnding() || this.closeSlow();
  }

  /** Closes the connection that has waited longest for a request; false where none waits. */
  private closeWaiting(silentMs: number): boolean {
    for (;;) {
      const one = this.longestWaiting(silentMs);
      if (one === undefined) return false;
      if (!one.hasBegun) {
        this.close(one, one.list === this.idle ? 'idle' : 'silent');
        return true;
      }
      one.sinceMs = this.options.nowMs();
      this.asking.add(one);
    }
  }

  private longestWaiting(silentMs: number): Connection | undefined {
    const idle = this.idle.first;
    const silent = this.silent.first;
    if (silent === undefined || !this.isOlder(silent, silentMs)) return idle;
    return idle === undefined || silent.sinceMs < idle.sinceMs ? silent : idle;
  }

  /** Closes a connection that its client keeps open behind the last answer; false where there is none. */
  private closeEnding(): boolean {
    const one = this.ending.first;
    if (one === undefined || !this.isOlder(one, slowMsMin)) return false;
    this.close(one, 'slow');
    return true;
  }

  /** Ends a request that is slow to arrive; false where there is none. */
  private closeSlow(): boolean {
    for (let one = this.asking.first; one !== undefined; one = this.asking.first) {
      if (!this.isOlder(one, slowMsMin)) return false;
      if (!isBeingAnswered(one.socket) && !one.isBeyond) {
        this.options.answerSlow(one.socket);
        this.close(one, 'slow');
        return true;
      }
      // Not to be looked at again before its next request.
      this.asking.remove(one);
    }
    return false;
  }

  private moveBeyond(connection: Connection): void {
    connection.isBeyond = true;
    this.within -= 1;
    this.beyond += 1;
    this.reserve.add(connection);
    const oldest = this.reserve.first;
    if (this.beyond > this.beyondMax && oldest !== undefined) this.close(oldest, 'dropped');
  }

  private moveWithin(connection: Connection): void {
    connection.isBeyond = false;
    this.beyond -= 1;
    this.within += 1;
  }

  /** Destroys it: what was written to it is sent all the same, and what arrives from now on is never read. */
  private close(connection: Connection, reason?: CloseReason): void {
    this.onClosed(connection);
    connection.socket.destroy();
    if (reason !== undefined) this.log.count(reason);
  }

  private isOlder({ sinceMs }: Connection, ms: number): boolean {
    return this.options.nowMs() - sinceMs >= ms;
  }
}

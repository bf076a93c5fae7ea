// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Tracks every connection and keeps to the limit of `HTTP_CONNECTIONS_MAX`. ADR 19 gives the reasons.
 *
 * - Up to nine tenths of the limit, every connection stays open as long as its timeouts allow.
 * - Above that, connections that wait for a request are closed, the one that has waited longest first. A connection that
 *   was just opened is spared, since its first request is about to arrive. Where no connection waits, because so many
 *   requests are under way, responses end their connection.
 * - At the limit, a request that takes longer than a second to arrive is answered 408, and a client that still sends a
 *   body a second after its response loses its connection.
 * - Where that does not help either, a few connections beyond the limit are accepted. They serve only health checks and
 *   metrics and refuse other requests as `overloaded`. When these are used up as well, the oldest of them without a
 *   request is closed for the newest.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Connection, ConnectionList, connectionOf } from './connection.ts';
import { type CloseCounts, type CloseReason, ConnectionLog } from './connection-log.ts';
import { Eviction } from './eviction.ts';

// The share of the limit that connections without a request may fill.
const waitingShare = 0.9;
// How many connections are accepted beyond the limit: a share of it, and a minimum.
const beyondShare = 0.1;
const beyondMin = 16;

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
  /** Calls `run` when everything that has arrived so far is read. */
  atEndOfTurn(run: () => void): void;
};

/** How many connections are accepted beyond a limit. */
export function acceptedBeyond(max: number): number {
  return Math.max(beyondMin, Math.ceil(max * beyondShare));
}

/**
 * The connections of one process, on all of its servers. Noting a request and finding the next connection to close cost
 * the same for any number of connections.
 */
export class Connections {
  private readonly options: ConnectionsOptions;
  private readonly log: ConnectionLog;
  private readonly eviction: Eviction;
  private readonly waitingMax: number;
  private readonly beyondMax: number;
  /** The number of connections within the limit, and beyond it. */
  private within = 0;
  private beyond = 0;
  /** Opened in this turn of the event loop: what they have sent could not be read yet. */
  private readonly opened = new ConnectionList();
  /** Opened in an earlier turn and without a request so far, in order of opening. */
  private readonly silent = new ConnectionList();
  /** Answered and waiting for the next request, in order of the last response. */
  private readonly idle = new ConnectionList();
  /** With a request under way that may not be complete, roughly in order of its beginning. */
  private readonly active = new ConnectionList();
  /** Answered for the last time, in order of that response: the rest of the body still arrives and is discarded. */
  private readonly ending = new ConnectionList();
  /** Beyond the limit and without a request so far. */
  private readonly reserve = new ConnectionList();
  private isTurnWatched = false;

  constructor(options: ConnectionsOptions) {
    this.options = options;
    this.waitingMax = Math.max(1, Math.floor(options.max * waitingShare));
    this.beyondMax = acceptedBeyond(options.max);
    const { warn, nowMs, answerSlow } = options;
    const facts = () => ({ open: this.open, max: options.max });
    this.log = new ConnectionLog({ warn, nowMs, facts });
    const { silent, idle, active, ending } = this;
    this.eviction = new Eviction(
      { silent, idle, active, ending },
      { nowMs, answerSlow, close: (connection, reason) => this.close(connection, reason) },
    );
  }

  /** Tracks the connections of this server too. */
  watch(server: Server): void {
    server.on('connection', (socket) => this.onOpened(socket));
    server.prependListener('request', (request, response) => this.onRequest(request, response));
  }

  /** Whether so many requests are under way that responses should end their connection. */
  get isNearLimit(): boolean {
    return this.within > this.waitingMax;
  }

  /** Counts a request that was refused because its connection is beyond the limit. */
  countRefused(): void {
    this.log.count('refused');
  }

  /** Counts this connection no longer: an event stream begins on it, and those have a limit of their own. */
  startStream(socket: Socket): void {
    const connection = connectionOf(socket);
    if (!connection?.isOpen || connection.isStream) return;
    connection.list?.remove(connection);
    this.uncount(connection);
    connection.isStream = true;
  }

  /** A snapshot for the metrics. */
  state(): ConnectionsState {
    return {
      open: this.open,
      idle: this.idle.size,
      max: this.options.max,
      closed: { ...this.log.totals },
    };
  }

  /** Closes the connections that have sent nothing yet: a service that stops need not wait for them. */
  closeSilent(): void {
    for (const list of [this.silent, this.opened, this.reserve]) {
      for (let one = list.first; one !== undefined; one = list.first) {
        if (one.hasBegun) this.active.add(one);
        else this.close(one);
      }
    }
  }

  /** Logs the counts that are not logged yet. */
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
    // In one turn more connections may come than the last tenth has room for.
    if (this.within > this.options.max && !this.eviction.closeIdle()) this.moveBeyond(connection);
    this.watchTurn();
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = connectionOf(socket);
    // What follows an event stream is ignored.
    if (connection === undefined || connection.isStream) return;
    // From here on Node's own timeouts apply.
    if (connection.requests === 0) socket.setTimeout(0);
    connection.requests += 1;
    connection.newest = request;
    connection.sinceMs = this.options.nowMs();
    if (connection.isBeyond && this.within < this.options.max) this.moveWithin(connection);
    this.active.add(connection);
    if (connection.isBeyond) response.shouldKeepAlive = false;
    response.on('finish', () => this.onAnswered(connection));
  }

  private onAnswered(connection: Connection): void {
    connection.answers += 1;
    const { isOpen, isStream, answers, requests } = connection;
    if (!isOpen || isStream || answers < requests) return;
    connection.newest = undefined;
    connection.sinceMs = this.options.nowMs();
    // A socket that is not writable ends with this response.
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
    if (!connection.isStream) this.uncount(connection);
  }

  private uncount({ isBeyond }: Connection): void {
    if (isBeyond) this.beyond -= 1;
    else this.within -= 1;
  }

  private watchTurn(): void {
    if (this.isTurnWatched) return;
    this.isTurnWatched = true;
    this.options.atEndOfTurn(() => this.onEndOfTurn());
  }

  /** Makes room once all that has arrived is read, so that no connection is closed whose next request is here. */
  private onEndOfTurn(): void {
    this.isTurnWatched = false;
    while (this.isNearLimit && this.eviction.closeWaiting());
    for (let one = this.reserve.first; one !== undefined; one = this.reserve.first) {
      if (this.within >= this.options.max && !this.eviction.makeRoomAtLimit()) break;
      this.moveWithin(one);
      this.opened.add(one);
    }
    for (let one = this.opened.first; one !== undefined; one = this.opened.first) {
      this.silent.add(one);
    }
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

  /** Destroys the socket: what was written to it is still sent, and what arrives from now on is never read. */
  private close(connection: Connection, reason?: CloseReason): void {
    this.onClosed(connection);
    connection.socket.destroy();
    if (reason !== undefined) this.log.count(reason);
  }
}

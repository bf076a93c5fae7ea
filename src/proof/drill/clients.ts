// SPDX-License-Identifier: GPL-3.0-or-later
import type { Answer, Unreadable } from './answer-parser.ts';
import {
  type Acceptance,
  type Completion,
  completionOf,
  noAnswerCompletion,
  notSentCompletion,
  refusedCompletion,
} from './completion.ts';
import { type Address, Connection, type ConnectionOwner } from './connection.ts';
import type { RecordedOperation, Recorder } from './history-writer.ts';
import { Queue } from './queue.ts';
import { type RoutedRequest, requestWriter, type ServiceRequest } from './request.ts';

/** A request and the callback for its completion. All times are those of the clock in `ClientsOptions`. */
export type PendingRequest = RoutedRequest & {
  /** The planned time of the request. Latency counts from here, however late the request is sent. */
  intendedMs: number;
  onDone(done: CompletedRequest): void;
  /** Called when the answer is a 202. `onDone` follows when the ticket has a final state. */
  onAccepted?(accepted: { acceptedMs: number }): void;
};

/** A ticket that the answer to a claim names. */
export type NamedTicket = {
  request: ServiceRequest;
  ticketId: string;
  /** Ends the claim with what its ticket shows. Undefined where the claim has ended with an unknown outcome. */
  complete?: (completion: Completion) => void;
};

/** A request that is complete. */
export type CompletedRequest = {
  pending: PendingRequest;
  completion: Completion;
  /** Undefined where the request was never sent. */
  sentMs: number | undefined;
  doneMs: number;
};

/** The settings of the clients. */
export type ClientsOptions = {
  urls: readonly string[];
  /** In total. Each node gets an equal share, at least one. */
  connections: number;
  timeoutMs: number;
  claimApiKey?: string | undefined;
  adminApiKey?: string | undefined;
  /** The header `Prefer` of all claims. */
  prefer?: string | undefined;
  recorder: Recorder;
  /** Called for each ticket. The `onDone` of an accepted claim is called when the ticket's owner completes it. */
  onTicket(ticket: NamedTicket): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
};

type Pool = {
  node: number;
  write(request: ServiceRequest): string;
  clients: Client[];
  free: Client[];
  waiting: Queue<PendingRequest>;
};

// The service closes idle connections, so only those are opened ahead that are used soon.
const openedAhead = 256;
// With this many requests in the queues, the next one completes at once as not sent.
const waitingMax = 200_000;

/** All clients of a drill: the connections to each node, and the queue of requests for a free one. */
export class Clients {
  private readonly options: ClientsOptions;
  private readonly pools: Pool[];
  private readonly sweep: NodeJS.Timeout;
  private nextSweep: NodeJS.Immediate | undefined;
  private procs = 0;
  private waitingNow = 0;
  private underWayNow = 0;

  constructor(options: ClientsOptions) {
    this.options = options;
    const each = Math.max(1, Math.floor(options.connections / options.urls.length));
    this.pools = options.urls.map((url, node) => {
      const { host } = new URL(url);
      const write = requestWriter({ ...options, host });
      const pool: Pool = { node, write, clients: [], free: [], waiting: new Queue() };
      pool.clients = Array.from({ length: each }, () => new Client(this, pool, addressOf(url)));
      pool.free = [...pool.clients];
      return pool;
    });
    const sweepMs = Math.min(100, Math.max(5, options.timeoutMs / 20));
    this.sweep = setInterval(() => {
      // After a pause of this process the timer comes first: what has arrived meanwhile is read before.
      this.nextSweep = setImmediate(() => this.timeOutLate());
    }, sweepMs);
  }

  /** How many requests wait for a free connection. */
  get waiting(): number {
    return this.waitingNow;
  }

  /** How many requests are sent and not answered yet. */
  get underWay(): number {
    return this.underWayNow;
  }

  /**
   * Opens the connections that are used first, at most 256; the others open on demand. A node that cannot be reached
   * shows in the requests to it.
   */
  async open(): Promise<void> {
    const each = Math.max(1, Math.floor(openedAhead / this.pools.length));
    // `send` takes free clients from the end.
    const first = this.pools.flatMap(({ free }) => free.slice(-each));
    await Promise.all(first.map((one) => one.open()));
  }

  /** Sends as soon as a connection is free. Calls `onDone` exactly once, never before this returns. */
  send(pending: PendingRequest): void {
    const pool = this.pools[pending.node];
    if (pool === undefined) throw new RangeError(`there is no node ${pending.node}`);
    const client = pool.free.pop();
    if (client !== undefined) {
      this.sendOn(client, pending);
    } else if (this.waitingNow < waitingMax) {
      this.waitingNow += 1;
      pool.waiting.push(pending);
    } else {
      setImmediate(() => this.completeUnsent(pending));
    }
  }

  /** Completes all queued requests as not sent. Requests under way still get their answers. */
  cancelQueued(): void {
    for (const { waiting } of this.pools) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        this.waitingNow -= 1;
        this.completeUnsent(next);
      }
    }
  }

  /** Drops all connections. The callbacks of requests under way are not called. */
  close(): void {
    clearInterval(this.sweep);
    clearImmediate(this.nextSweep);
    for (const { clients } of this.pools) for (const client of clients) client.drop();
  }

  /** Called by a client whose request is answered, or will not be. */
  finish(client: Client, completion: Completion | Acceptance): void {
    const { pending, operation, sentMs } = client;
    if (pending === undefined || operation === undefined) return;
    const { recorder, now, onTicket } = this.options;
    client.pending = undefined;
    this.underWayNow -= 1;
    // An operation that may still be running keeps its client number to itself.
    if (completion.type === 'info' || completion.type === 'accepted') client.proc = undefined;
    const report = (last: Completion) => {
      pending.onDone({ pending, completion: last, sentMs, doneMs: now() });
    };
    const { request } = pending;
    if (completion.type === 'accepted') {
      recorder.accept(operation, completion);
      this.sendNextOn(client);
      const complete = (last: Completion) => {
        recorder.complete(operation, last);
        report(last);
      };
      pending.onAccepted?.({ acceptedMs: now() });
      onTicket({ request, ticketId: completion.ticketId, complete });
      return;
    }
    recorder.complete(operation, completion);
    this.sendNextOn(client);
    const { ticketId } = completion;
    if (ticketId !== undefined) onTicket({ request, ticketId });
    report(completion);
  }

  private sendNextOn(client: Client): void {
    const { pool } = client;
    const next = pool.waiting.shift();
    if (next === undefined) {
      pool.free.push(client);
    } else {
      this.waitingNow -= 1;
      this.sendOn(client, next);
    }
  }

  private sendOn(client: Client, pending: PendingRequest): void {
    client.proc ??= this.nextProc();
    client.pending = pending;
    client.sentMs = this.options.now();
    this.underWayNow += 1;
    const text = client.pool.write(pending.request);
    client.operation = this.options.recorder.invoke(client.proc, pending.node, pending.request);
    client.send(text);
  }

  private nextProc(): number {
    const proc = this.procs;
    this.procs += 1;
    return proc;
  }

  private completeUnsent(pending: PendingRequest): void {
    const doneMs = this.options.now();
    pending.onDone({ pending, completion: notSentCompletion, sentMs: undefined, doneMs });
  }

  private timeOutLate(): void {
    const lateMs = this.options.now() - this.options.timeoutMs;
    for (const { clients, waiting } of this.pools) {
      for (let first = waiting.first; first !== undefined; first = waiting.first) {
        if (first.intendedMs > lateMs) break;
        waiting.shift();
        this.waitingNow -= 1;
        this.completeUnsent(first);
      }
      for (const client of clients) {
        if (client.pending !== undefined && client.sentMs <= lateMs) client.timeOut();
      }
    }
  }
}

/** One connection, and the request that uses it. */
class Client implements ConnectionOwner {
  readonly pool: Pool;
  /** Assigned on demand. After an unknown outcome the client gets a new number. */
  proc: number | undefined;
  pending: PendingRequest | undefined;
  operation: RecordedOperation | undefined;
  sentMs = 0;
  private readonly clients: Clients;
  private readonly connection: Connection;

  constructor(clients: Clients, pool: Pool, address: Address) {
    this.clients = clients;
    this.pool = pool;
    this.connection = new Connection(address, this);
  }

  open(): Promise<void> {
    return this.connection.open();
  }

  send(text: string): void {
    this.connection.send(text);
  }

  drop(): void {
    this.connection.drop();
  }

  timeOut(): void {
    const { isSent } = this.connection;
    this.connection.abandon();
    this.clients.finish(this, isSent ? noAnswerCompletion('timeout') : refusedCompletion);
  }

  onAnswer(answer: Answer): void {
    const { pending } = this;
    if (pending !== undefined) this.clients.finish(this, completionOf(pending.request.f, answer));
  }

  onUnsent(): void {
    this.clients.finish(this, refusedCompletion);
  }

  onAnswerLost(reason: 'reset' | Unreadable): void {
    this.clients.finish(this, noAnswerCompletion(reason));
  }
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 80 : Number(port) };
}

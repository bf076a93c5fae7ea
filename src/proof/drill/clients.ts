// SPDX-License-Identifier: GPL-3.0-or-later
import { Client } from './client.ts';
import { type Acceptance, type Completion, notSentCompletion } from './completion.ts';
import type { Address } from './connection.ts';
import type { Recorder } from './history-writer.ts';
import { Queue } from './queue.ts';
import {
  type RequestWriter,
  type RoutedRequest,
  requestWriter,
  type ServiceRequest,
} from './request.ts';

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
  /** How many claims a call holds at most. Undefined: each claim is a call of its own. */
  batch?: number | undefined;
  recorder: Recorder;
  /** Called for each ticket. The `onDone` of an accepted claim is called when the ticket's owner completes it. */
  onTicket(ticket: NamedTicket): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
};

type DrillClient = Client<PendingRequest>;

type Pool = {
  node: number;
  write: RequestWriter;
  clients: DrillClient[];
  free: DrillClient[];
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
  private nextSend: NodeJS.Immediate | undefined;
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
      const owner = {
        finish: (client: DrillClient, completions: readonly (Completion | Acceptance)[]) =>
          this.finish(pool, client, completions),
      };
      pool.clients = Array.from({ length: each }, () => new Client(owner, addressOf(url)));
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

  /**
   * Sends as soon as a connection is free; with `batch`, together with the claims that wait for one too. Calls `onDone` exactly
   * once, never before this returns.
   */
  send(pending: PendingRequest): void {
    const pool = this.pools[pending.node];
    if (pool === undefined) throw new RangeError(`there is no node ${pending.node}`);
    const client = this.options.batch === undefined ? pool.free.pop() : undefined;
    if (client !== undefined) {
      this.sendOn(pool, client, [pending]);
    } else if (this.waitingNow < waitingMax) {
      this.waitingNow += 1;
      pool.waiting.push(pending);
      // Claims that are made in the same turn of the event loop go together.
      if (this.options.batch !== undefined)
        this.nextSend ??= setImmediate(() => this.sendWaiting());
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
    clearImmediate(this.nextSend);
    for (const { clients } of this.pools) for (const client of clients) client.drop();
  }

  private finish(
    pool: Pool,
    client: DrillClient,
    completions: readonly (Completion | Acceptance)[],
  ): void {
    const { sent, sentMs } = client;
    const { recorder, now } = this.options;
    client.sent = [];
    this.underWayNow -= sent.length;
    const reports = sent.map(({ pending, operation }, index) => {
      const completion = completions[index] as Completion | Acceptance;
      const report = (last: Completion) => {
        pending.onDone({ pending, completion: last, sentMs, doneMs: now() });
      };
      // An operation that may still be running keeps its client number to itself.
      if (completion.type !== 'info' && completion.type !== 'accepted') {
        client.procs.push(operation.proc);
      }
      if (completion.type === 'accepted') {
        recorder.accept(operation, completion);
        const complete = (last: Completion) => {
          recorder.complete(operation, last);
          report(last);
        };
        return () => this.reportAccepted(pending, completion, complete);
      }
      recorder.complete(operation, completion);
      return () => this.reportCompleted(pending, completion, report);
    });
    this.sendNextOn(pool, client);
    for (const report of reports) report();
  }

  private reportAccepted(
    { request, onAccepted }: PendingRequest,
    { ticketId }: Acceptance,
    complete: (last: Completion) => void,
  ): void {
    onAccepted?.({ acceptedMs: this.options.now() });
    this.options.onTicket({ request, ticketId, complete });
  }

  private reportCompleted(
    { request }: PendingRequest,
    completion: Completion,
    report: (last: Completion) => void,
  ): void {
    const { ticketId } = completion;
    if (ticketId !== undefined) this.options.onTicket({ request, ticketId });
    report(completion);
  }

  private sendWaiting(): void {
    this.nextSend = undefined;
    for (const pool of this.pools) {
      for (let client = pool.free.pop(); client !== undefined; client = pool.free.pop()) {
        this.sendNextOn(pool, client);
        if (client.sent.length === 0) break;
      }
    }
  }

  private sendNextOn(pool: Pool, client: DrillClient): void {
    const next = pool.waiting.shift();
    if (next === undefined) {
      pool.free.push(client);
      return;
    }
    const together = [next];
    const { batch = 1 } = this.options;
    while (together.length < batch && isClaim(next) && isClaim(pool.waiting.first)) {
      together.push(pool.waiting.shift() as PendingRequest);
    }
    this.waitingNow -= together.length;
    this.sendOn(pool, client, together);
  }

  private sendOn({ write, node }: Pool, client: DrillClient, together: PendingRequest[]): void {
    const [first] = together as [PendingRequest];
    const isBatch = this.options.batch !== undefined && isClaim(first);
    client.sentMs = this.options.now();
    this.underWayNow += together.length;
    const text = isBatch
      ? write.batch(together.map(({ request }) => request))
      : write.one(first.request);
    client.sent = together.map((pending) => {
      const proc = client.procs.pop() ?? this.nextProc();
      return { pending, operation: this.options.recorder.invoke(proc, node, pending.request) };
    });
    client.send(text, isBatch);
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
        if (client.sent.length > 0 && client.sentMs <= lateMs) client.timeOut();
      }
    }
  }
}

function isClaim(pending: PendingRequest | undefined): boolean {
  return pending?.request.f === 'claim';
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 80 : Number(port) };
}

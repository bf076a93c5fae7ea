// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clients, NamedTicket } from './clients.ts';
import { type Completion, completionByTicket, openTicketCompletion } from './completion.ts';
import { DelayQueue } from './delay-queue.ts';
import type { Random } from './random.ts';
import type { RoutedRequest } from './request.ts';

/** What a follower needs. */
export type TicketFollowerOptions = {
  clients: Pick<Clients, 'send'>;
  nodes: number;
  random: Random;
  /** The clock of the clients. */
  now(): number;
};

/** A ticket that a client has read in its final state. */
export type FinalTicket = { coupon: string; user: string | undefined; ticketId: string };

/** The tickets of a drill, counted. */
export type TicketCounts = {
  /** Claims that were answered with 202. */
  accepted: number;
  /** Tickets of claims with an unknown outcome. */
  unknown: number;
  decided: number;
  expired: number;
  failed: number;
  /** Never read in a final state. */
  open: number;
  /** Requests that read a ticket. */
  reads: number;
};

type Followed = NamedTicket & { sinceMs: number; waitMs: number };

const [waitMsMin, waitMsMax] = [100, 2_000];
// A second for all tickets together: the load of a drill is its claims, not the reads.
const readsPerSecondMax = 1_000;
const turnMs = 10;
const readsInATurnMax = 100;
// The longest time that a service can be set to keep a ticket open is an hour.
const ticketMsMax = 3_660_000;
const sampledMax = 40;
// Unauthorized, forbidden, not found: to ask again is of no use.
const lastStatuses = new Set<number | undefined>([401, 403, 404]);

/**
 * Reads each ticket until its final state, on a random node each time: at first after about 100 ms, then less and less often,
 * and all tickets together at most a thousand times a second.
 */
export class TicketFollower {
  readonly counts: TicketCounts = {
    ...{ accepted: 0, unknown: 0, decided: 0, expired: 0, failed: 0, open: 0, reads: 0 },
  };
  private readonly options: TicketFollowerOptions;
  private readonly due = new DelayQueue<Followed>();
  private readonly sampled: FinalTicket[] = [];
  private turn: NodeJS.Timeout | undefined;
  private lastTurnMs = 0;
  private followed = 0;
  private isStopped = false;
  private onIdle: () => void = () => undefined;

  constructor(options: TicketFollowerOptions) {
    this.options = options;
  }

  /** Some of the tickets with a final state: each of them with the same probability. */
  get sample(): readonly FinalTicket[] {
    return this.sampled;
  }

  /** Follows a ticket until its final state, and completes its claim then. */
  follow(ticket: NamedTicket): void {
    this.counts[ticket.complete === undefined ? 'unknown' : 'accepted'] += 1;
    const sinceMs = this.options.now();
    this.followed += 1;
    this.wait({ ...ticket, sinceMs, waitMs: waitMsMin });
  }

  /** Resolves when no ticket is followed any more. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.onIdle = resolve;
      if (this.followed === 0) resolve();
    });
  }

  /** Leaves all tickets open. Those that are read at present get their answers. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.turn);
    const all = Number.POSITIVE_INFINITY;
    for (let one = this.due.takeDue(all); one !== undefined; one = this.due.takeDue(all)) {
      this.end(one, openTicketCompletion);
    }
  }

  private wait(one: Followed): void {
    const { now, random } = this.options;
    if (this.isStopped || now() - one.sinceMs > ticketMsMax) {
      this.end(one, openTicketCompletion);
      return;
    }
    this.due.add(now() + one.waitMs * (0.5 + random.fraction()), one);
    this.turn ??= setTimeout(() => this.readDue(), turnMs);
  }

  private readDue(): void {
    this.turn = undefined;
    const nowMs = this.options.now();
    const allowed = ((nowMs - this.lastTurnMs) * readsPerSecondMax) / 1_000;
    this.lastTurnMs = nowMs;
    for (let read = 0; read < Math.min(readsInATurnMax, allowed); read += 1) {
      const one = this.due.takeDue(nowMs);
      if (one === undefined) break;
      this.read(one, nowMs);
    }
    if (this.due.size > 0) this.turn = setTimeout(() => this.readDue(), turnMs);
  }

  private read(one: Followed, intendedMs: number): void {
    const { clients, nodes, random } = this.options;
    this.counts.reads += 1;
    const routed = { node: random.below(nodes), request: readOf(toFinal(one)) };
    clients.send({
      ...{ ...routed, intendedMs },
      onDone: ({ completion }) => {
        const final = completionByTicket(completion);
        if (final !== undefined) this.endFinal(one, final);
        else if (lastStatuses.has(completion.http)) this.end(one, openTicketCompletion);
        else this.wait({ ...one, waitMs: Math.min(one.waitMs * 2, waitMsMax) });
      },
    });
  }

  private endFinal(one: Followed, final: Completion): void {
    const { ticketState } = final;
    if (ticketState === undefined || ticketState === 'accepted') return;
    this.counts[ticketState] += 1;
    const { decided, expired, failed } = this.counts;
    // Reservoir sampling.
    const index =
      this.sampled.length < sampledMax
        ? this.sampled.length
        : this.options.random.below(decided + expired + failed);
    if (index < sampledMax) this.sampled[index] = toFinal(one);
    this.end(one, final);
  }

  private end(one: Followed, completion: Completion): void {
    if (completion === openTicketCompletion) this.counts.open += 1;
    this.followed -= 1;
    one.complete?.(completion);
    if (this.followed === 0) this.onIdle();
  }
}

/** The request that reads a ticket. */
export function readOf({ coupon, user, ticketId }: FinalTicket): RoutedRequest['request'] {
  return { f: 'read_ticket', coupon, ...(user !== undefined && { user }), ticketId, attempt: 1 };
}

function toFinal({ request: { coupon, user }, ticketId }: NamedTicket): FinalTicket {
  return { coupon, user, ticketId };
}
